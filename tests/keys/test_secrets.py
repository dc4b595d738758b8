"""Secrets are in the one response that shows them, and nowhere else, whatever happens."""

import base64
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from keys import services, tasks
from keys.models import Key, Token
from tests.conftest import HTMX
from tests.factories import make_staff
from tests.keys.actions import ending_in, issue, live_token
from tests.keys.leaks import assert_nowhere, everywhere, in_files, traces_of
from tests.keys.portal_worker import Worker
from tests.keys.views.pages import key_request, url_of
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

LOST = ("drop_after", "truncated_json", "cut_body", "html", "error")


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Catch every line that any library would log."""
    for name in ("", "urllib3", "django", "celery", "keys", "gateway"):
        caplog.set_level(1, logger=name)
    return caplog


class Visitor:
    """Somebody who does things, and keeps the pages that may hold no secret."""

    def __init__(self, client: Client, sandbox: Sandbox) -> None:
        self.client = client
        self.sandbox = sandbox
        self.pages: list[tuple[str, bytes]] = []

    def creates(self, label: str, **headers: str) -> Key:
        """Make a key; the answer is the one place for its secret."""
        response = self.client.post("/keys/create/", key_request(label), headers=headers)
        assert self.sandbox.issued_secrets()[-1].encode() in response.content
        return Key.objects.get(label=label)

    def rotates(self, key: Key) -> None:
        """Rotate a key; the answer is the one place for the new secret, and none for the old."""
        response = self.client.post(url_of("rotate", key))
        *_, old, new = self.sandbox.issued_secrets()
        assert new.encode() in response.content
        assert old.encode() not in response.content

    def sends(self, url: str, **fields: str) -> None:
        """Send a form whose answer may hold no secret."""
        self.pages.append((url, self.client.post(url, {**key_request("other"), **fields}, follow=True).content))

    def looks_around(self) -> None:
        """Read every page there is."""
        urls = ["/", "/keys/history/", "/models/", "/get-started/", "/status/"]
        urls += [url_of("detail", key) for key in Key.objects.all()]
        self.pages += [(url, self.client.get(url).content) for url in urls]


def test_no_secret_is_anywhere_after_everything_was_done(
    as_staff: Client, sandbox: Sandbox, everything_logged: pytest.LogCaptureFixture
) -> None:
    foreign = issue(make_staff("stranger"), "a stranger’s").secret
    visitor = Visitor(as_staff, sandbox)
    visitor.creates("with htmx", **HTMX)
    key = visitor.creates("thesis")
    visitor.sends("/keys/create/", label="thesis")
    visitor.sends("/keys/create/", label="x" * 100)
    visitor.rotates(key)
    visitor.sends(url_of("label", key), label="another label")
    visitor.sends(url_of("renew", ending_in(key, sandbox, days=3)))
    visitor.sends("/keys/check/", secret=foreign)
    _check_in_every_state(visitor, key)
    visitor.looks_around()
    ending_in(key, sandbox, days=3)
    assert services.remind_owners() == 1
    visitor.sends(url_of("end_old", key))
    visitor.sends(url_of("delete", key))
    services.sync_keys()
    services.sweep_keys()
    visitor.looks_around()

    secrets = sandbox.issued_secrets()
    assert len(secrets) == 4
    assert_nowhere([*secrets, sandbox.admin_key], [*visitor.pages, *everywhere(everything_logged)])


def _check_in_every_state(visitor: Visitor, key: Key) -> None:
    """Press "Check this key" when it works, and when the gateway refuses or fails."""
    sandbox, token = visitor.sandbox, live_token(key)
    secret = sandbox.issued_secrets()[-1]
    visitor.sends("/keys/check/", secret=secret)
    sandbox.call("POST", "/key/block", body={"key": token})
    visitor.sends("/keys/check/", secret=secret)
    sandbox.call("POST", "/key/unblock", body={"key": token})
    for kind in LOST:
        sandbox.faults("/chat/completions", kind)
        visitor.sends("/keys/check/", secret=secret)


@pytest.mark.parametrize("kind", LOST)
def test_no_secret_is_anywhere_after_an_answer_was_lost(
    as_staff: Client, staff: User, sandbox: Sandbox, everything_logged: pytest.LogCaptureFixture, kind: str
) -> None:
    visitor = Visitor(as_staff, sandbox)
    key = ending_in(issue(staff).key, sandbox, days=3)
    sandbox.faults("/key/generate", kind, times=2)
    visitor.sends("/keys/create/")
    visitor.sends(url_of("rotate", key))
    for path in ("/key/update", "/key/delete"):
        sandbox.faults(path, kind)
    visitor.sends(url_of("renew", key))
    visitor.sends(url_of("delete", key))
    visitor.looks_around()
    services.sweep_keys()
    visitor.looks_around()

    assert_nowhere(sandbox.issued_secrets(), [*visitor.pages, *everywhere(everything_logged)])


def test_no_secret_passes_through_the_broker_or_the_log_of_the_worker(
    as_staff: Client, staff: User, sandbox: Sandbox, everything_logged: pytest.LogCaptureFixture
) -> None:
    visitor = Visitor(as_staff, sandbox)
    visitor.rotates(issue(staff).key)
    sandbox.faults("/key/generate", "drop_after")
    visitor.sends("/keys/create/")
    every_task = (tasks.sweep, tasks.sync, tasks.remind, tasks.refresh_models)
    for task in every_task:
        task.delay()
    waiting = list(everywhere(everything_logged))
    if not settings.REDIS_URL:
        assert any("broker/" in name and b"keys.sweep" in content for name, content in waiting)

    with Worker(sandbox) as worker:
        wait_until(lambda: all(f"{task.name}: " in worker.log.read_text() for task in every_task), timeout_s=30)
        said = [("log of the worker", worker.log.read_bytes())]

    assert not Token.objects.filter(state=Token.State.ISSUING).exists()
    assert len(sandbox.issued_secrets()) == 3
    assert_nowhere(sandbox.issued_secrets(), [*waiting, *said, *visitor.pages, *everywhere(everything_logged)])


# --- Would the search find one? -------------------------------------------------------------------
def test_the_search_finds_what_is_kept_in_any_form(tmp_path: Path) -> None:
    secret = "sk-abcDEF0123456789xyz_-Q"

    for kept in (secret, secret[3:], secret[5:18], secret[::-1], f"key={secret}&", secret.encode().hex()):
        (tmp_path / "file").write_text(kept)
        with pytest.raises(AssertionError):
            assert_nowhere([secret], in_files(tmp_path))
    (tmp_path / "file").write_text(f"sk-…{secret[-4:]}")
    assert_nowhere([secret], in_files(tmp_path))


@pytest.mark.parametrize("before", ["", "1", "22", "a longer text "])
def test_the_search_finds_base64_wherever_it_begins(before: str) -> None:
    secret = "sk-abcDEF0123456789xyz_-Q"
    text = base64.b64encode(f"{before}{secret} and more".encode())

    assert any(trace in text for trace in traces_of(secret))


def test_the_search_looks_into_sessions_caches_and_tables(
    as_staff: Client, sandbox: Sandbox, everything_logged: pytest.LogCaptureFixture
) -> None:
    secret = "sk-abcDEF0123456789xyz_-Q"
    session = as_staff.session
    session["kept"] = secret
    session.save()

    with pytest.raises(AssertionError, match="a session"):
        assert_nowhere([secret], everywhere(everything_logged))
