"""Reports of leaked secrets: who is verified, what ends, who is notified, and what others learn (nothing)."""

import base64
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AuditEntry, User
from api.services.github_keys import is_signed_by_github
from gateway.secret import token_of
from keys import services
from keys.models import Key, LeakNotice, LeakReport, Token
from keys.services.forget import forget_keys
from tests.api.conftest import Program
from tests.conftest import signed_in
from tests.factories import make_policy
from tests.keys.actions import BY_TEST, again, assert_at_rest, issue, works
from tests.loopback import serving
from tests.portal.test_routes import what_is_stored
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks
from tests.usage.polling import poll, report_day, used
from usage.models import utc_today

URL = reverse("api:leak_reports")
SHARED = "a shared secret of the scanners, long enough"
PLACE = "https://github.example/somebody/thesis/blob/main/run.py"


def body_with(*secrets: str) -> bytes:
    rows = [{"token": secret, "type": "passerelle_key", "url": PLACE, "source": "content"} for secret in secrets]
    return json.dumps(rows).encode()


def send(body: bytes, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    client = Client(enforce_csrf_checks=True)
    return client.post(URL, body, content_type="application/json", headers=named)


def report(*secrets: str) -> Any:
    return send(body_with(*secrets), Authorization=f"Bearer {SHARED}")


class Keys(BaseHTTPRequestHandler):
    """Serves public keys as GitHub does."""

    state: dict[str, Any]

    def do_GET(self) -> None:
        self.state["fetched"] += 1
        body = self.state["body"] or json.dumps({"public_keys": self.state["keys"]}).encode()
        self.send_response(self.state["status"])
        self.send_header("Content-Length", str(len(body) + self.state["missing"]))
        self.send_header("Location", "/other")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Print nothing."""


class GitHub:
    """Signs reports, with a key that can change."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state
        self.rotate()

    def rotate(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        pem = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self.identifier = token_of(pem)
        self.state["keys"] = [{"key_identifier": self.identifier, "key": pem, "is_current": True}]

    def signature(self, body: bytes) -> str:
        return base64.b64encode(self.key.sign(body, ec.ECDSA(hashes.SHA256()))).decode()

    def send(self, body: bytes, **other: str) -> Any:
        headers = {
            "GITHUB_PUBLIC_KEY_IDENTIFIER": self.identifier,
            "GITHUB_PUBLIC_KEY_SIGNATURE": self.signature(body),
        }
        return send(body, **{**headers, **other})


@pytest.fixture
def github(settings: Settings) -> Iterator[GitHub]:
    cache.clear()
    state: dict[str, Any] = {"fetched": 0, "status": 200, "keys": [], "body": b"", "missing": 0}
    with serving(Keys, state=state) as address:
        settings.LEAK_REPORTS_GITHUB_KEYS_URL = f"{address}/meta/public_keys/secret_scanning"
        yield GitHub(state)


@pytest.fixture
def by_secret(settings: Settings) -> None:
    settings.LEAK_REPORTS_SECRET = SHARED


def test_ends_the_key_at_once_and_notifies_owner_and_admins(
    github: GitHub, intern: User, admin: User, sandbox: Sandbox
) -> None:
    secret = issue(intern).secret
    report_day(sandbox, utc_today(), used(token_of(secret), usd="1.25"))
    poll()

    answer = github.send(body_with("sk-of-somebody-else", secret))

    assert answer.status_code == 200
    assert [(row["token_hash"], row["label"]) for row in answer.json()] == [
        (token_of("sk-of-somebody-else"), "false_positive"),
        (token_of(secret), "true_positive"),
    ]
    assert not works(sandbox, secret)
    key = Key.objects.get()
    assert (key.state, key.problem) == ("deleted", "leaked")
    assert_at_rest(sandbox)
    run_tasks()
    mails = {message.to[0]: f"{message.subject} {message.body}" for message in mail.outbox}
    assert set(mails) == {intern.email, admin.email}
    for text in mails.values():
        assert "thesis" in text
        assert PLACE in text
        assert "1.25\xa0USD" in text
        assert secret not in text
    bell = signed_in(intern).get(reverse("notices:index")).content.decode()
    assert "GitHub reported the key “thesis”" in bell
    assert "1.25\xa0USD" in bell
    notice = LeakNotice.objects.get(person=intern)
    signed_in(intern).post(reverse("notices:dismiss"), {"kind": "leak", "id": notice.pk})
    assert LeakNotice.objects.filter(seen_at=None).get().person == admin
    entry = AuditEntry.objects.get(action="leak_report")
    assert (entry.outcome, entry.subject, entry.details["source"], entry.details["where"]) == (
        "done",
        intern,
        "github",
        PLACE,
    )
    assert secret not in str(what_is_stored())


def test_a_repeated_report_changes_nothing_more(github: GitHub, intern: User, sandbox: Sandbox) -> None:
    secret = issue(intern).secret
    first = github.send(body_with(secret))
    run_tasks()
    mail.outbox.clear()
    entries = AuditEntry.objects.count()

    second = github.send(body_with(secret))  # a replay, or a retry

    run_tasks()
    assert second.json() == first.json()
    assert (mail.outbox, AuditEntry.objects.count(), LeakReport.objects.get().repeats) == ([], entries, 1)


def test_an_unverified_report_says_nothing_and_reads_nothing(
    github: GitHub, by_secret: None, intern: User, sandbox: Sandbox
) -> None:
    secret = issue(intern).secret
    other, github_key = GitHub({}), github.identifier
    unverified: list[tuple[str, Callable[[bytes], Any]]] = [
        ("nothing", send),
        ("a wrong secret", lambda body: send(body, Authorization="Bearer wrong")),
        ("an empty secret", lambda body: send(body, Authorization="Bearer ")),
        ("another scheme", lambda body: send(body, Authorization=f"Basic {SHARED}")),
        ("another key", lambda body: other.send(body, GITHUB_PUBLIC_KEY_IDENTIFIER=github_key)),
        ("an unknown key", lambda body: other.send(body)),
        (
            "a signature of another body",
            lambda body: github.send(body, GITHUB_PUBLIC_KEY_SIGNATURE=github.signature(b"x")),
        ),
        ("no base64", lambda body: github.send(body, GITHUB_PUBLIC_KEY_SIGNATURE="é")),
        (
            "a signature and the secret",
            lambda body: github.send(body, GITHUB_PUBLIC_KEY_SIGNATURE="AAAA", Authorization=f"Bearer {SHARED}"),
        ),
    ]
    github.send(b"[]")  # so that the keys are in the cache

    for name, post in unverified:
        answers = set()
        for body in (body_with(secret), body_with("sk-" + "x" * (len(secret) - 3)), b"no list"):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                answer = post(body)
            tables = [query["sql"] for query in queries if "keys_" in query["sql"] or "accounts_" in query["sql"]]
            answers.add((answer.status_code, answer.content, len(tables)))
        assert answers == {(401, b'{"error": "not_verified"}', 0)}, name
    assert works(sandbox, secret)
    assert not LeakReport.objects.exists()


def test_fetches_the_keys_once_again_when_github_uses_a_new_one(github: GitHub, intern: User) -> None:
    assert github.send(b"[]").status_code == 200
    assert github.send(b"[]").status_code == 200
    assert github.state["fetched"] == 1
    old = github.key, github.identifier
    github.rotate()

    assert github.send(b"[]").status_code == 401  # strangers with made up identifiers cause no more than one a minute
    assert github.state["fetched"] == 1
    cache.delete(f"leak-reports:fetched:{_address(github)}")

    assert github.send(b"[]").status_code == 200
    github.key, github.identifier = old
    assert github.send(b"[]").status_code == 401  # withdrawn
    assert github.state["fetched"] == 2


def _address(github: GitHub) -> str:
    from django.conf import settings

    return str(settings.LEAK_REPORTS_GITHUB_KEYS_URL)


@pytest.mark.parametrize("fault", ["away", "an error", "a redirect", "no list", "too long", "broken off", "too deep"])
def test_asks_for_a_retry_where_the_keys_cannot_be_had(
    github: GitHub, settings: Settings, db: None, fault: str
) -> None:
    if fault == "away":
        settings.LEAK_REPORTS_GITHUB_KEYS_URL = "http://127.0.0.1:9/"
    elif fault in ("an error", "a redirect"):
        github.state["status"] = 500 if fault == "an error" else 302
    elif fault in ("broken off", "too deep"):
        github.state |= {"missing": 10} if fault == "broken off" else {"body": b"[" * 60_000}
    else:
        github.state["keys"] = "no list" if fault == "no list" else github.state["keys"] * 1000

    answer = github.send(b"[]")

    assert (answer.status_code, answer["Retry-After"]) == (503, "60")


def test_checks_signatures_as_github_makes_them(github: GitHub, db: None) -> None:
    """The example of GitHub's documentation."""
    der = (
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9MJJHnMfn2+H4xL4YaPDA4RpJqUq"
        "kCmRCBnYERxZanmcpzQSXs1X/AljlKkbJ8qpVIW4clayyef9gWhFbNHWAA=="
    )
    github.state["keys"] = [
        {"key_identifier": "example", "key": f"-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n"}
    ]
    body = b'[{"token":"some_token","type":"some_type","url":"some_url"}]'
    signature = "MEUCIQDKZokqnCjrRtw0tni+2Ltvl/uiMJ1EGumEsp1BsNr32AIgQY1YXD2nlj+XNfGK4rBfkMJ1JDOQcYXxa2sY8FNkrKc="

    assert is_signed_by_github(body, identifier="example", signature=signature)
    assert not is_signed_by_github(body + b" ", identifier="example", signature=signature)


def test_is_off_unless_configured(client: Client, db: None) -> None:
    assert report("sk-anything").status_code == 404


def test_strange_or_long_values_do_not_save_a_key(by_secret: None, intern: User, sandbox: Sandbox) -> None:
    strange = ["https://x.example/\0", "https://x.example/\ud800", "https://x.example/" + "x" * 3000]
    secrets = [issue(intern, f"key {number}").secret for number, _place in enumerate(strange)]
    rows = [{"token": secret, "url": place} for secret, place in zip(secrets, strange, strict=True)]

    answer = send(json.dumps([*rows, {"token": "sk-\ud800"}]).encode(), Authorization=f"Bearer {SHARED}")

    assert [row["label"] for row in answer.json()] == ["true_positive"] * 3 + ["false_positive"]
    assert not any(works(sandbox, secret) for secret in secrets)


def test_a_long_report_costs_two_queries_for_secrets_of_others(by_secret: None, db: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = report(*(f"sk-of-others-{number}" for number in range(1000)))

    assert (answer.status_code, len(answer.json())) == (200, 1000)
    assert len([query for query in queries if "SELECT" in query["sql"]]) <= 2


def test_a_gateway_that_is_away_is_called_once_and_all_is_stored_before(
    by_secret: None, intern: User, sandbox: Sandbox
) -> None:
    secrets = [issue(intern, f"key {number}").secret for number in range(3)]
    sandbox.faults("/key/delete", "drop_before", times=20)

    report(*secrets)

    assert set(Key.objects.values_list("state", flat=True)) == {Key.State.DELETING}
    assert AuditEntry.objects.filter(action="delete", outcome="unknown").count() == 1
    sandbox.clear_faults()
    services.sweep_keys()
    assert not any(works(sandbox, secret) for secret in secrets)


def test_refuses_what_is_no_report(by_secret: None, db: None) -> None:
    wrong = [b"", b"{}", b"[1]", b'[{"token": 1}]', b'[{"token": ""}]', b"[" * 100_000, b"\xff", b"9" * 5000]
    for body in (*wrong, b"[" + b'{"token":"sk-x"},' * 5000 + b'{"token":"sk-x"}]'):
        assert send(body, Authorization=f"Bearer {SHARED}").status_code == 422, body[:40]
    assert send(b" " * (1024 * 1024 + 1), Authorization=f"Bearer {SHARED}").status_code == 413
    assert Client().get(URL).status_code == 405


def test_revokes_an_access_token(by_secret: None, intern: User, admin: User, sandbox: Sandbox) -> None:
    program = Program(intern, "keys:read")

    answer = report(program.secret)

    assert [row["label"] for row in answer.json()] == ["true_positive"]
    assert program.get("/me/keys").status_code == 401
    run_tasks()
    assert {message.to[0] for message in mail.outbox if "has leaked" in message.subject} == {intern.email, admin.email}
    assert AuditEntry.objects.filter(action="revoke", details__via="leak_report").count() == 1
    assert "access token “script”" in signed_in(intern).get(reverse("notices:index")).content.decode()


def test_of_a_replaced_secret_only_the_old_one_ends(by_secret: None, intern: User, sandbox: Sandbox) -> None:
    make_policy("Interns", grace_hours=48)
    old = issue(intern)
    new = services.rotate_key(key=again(old.key), actor=BY_TEST)

    report(old.secret)

    assert [works(sandbox, fresh.secret) for fresh in (old, new)] == [False, True]
    assert Key.objects.get().state == Key.State.ACTIVE
    assert_at_rest(sandbox)


@pytest.mark.parametrize("path", ["/key/delete", "/key/info"])
def test_the_sweep_ends_what_the_gateway_did_not_confirm(
    by_secret: None, intern: User, sandbox: Sandbox, path: str
) -> None:
    secret = issue(intern).secret
    sandbox.faults(path, "drop_before", times=20)

    answer = report(secret)

    assert [row["label"] for row in answer.json()] == ["true_positive"]
    assert Key.objects.get().state == Key.State.DELETING
    sandbox.clear_faults()
    services.sweep_keys()
    assert not works(sandbox, secret)
    assert_at_rest(sandbox)
    run_tasks()
    assert len(mail.outbox) >= 1


def test_a_key_that_vanished_from_the_gateway_does_not_come_back(
    by_secret: None, intern: User, sandbox: Sandbox
) -> None:
    secret = issue(intern).secret
    Token.objects.update(state=Token.State.GONE)
    Key.objects.update(state=Key.State.DELETED, problem=Key.Problem.GONE)

    report(secret)

    assert Token.objects.get().state == Token.State.DELETED
    assert not works(sandbox, secret)


def test_an_intern_without_an_account_gets_a_mail(by_secret: None, staff: User, sandbox: Sandbox) -> None:
    secret = issue(staff, intern_name="Ada", intern_email="ada@example.org").secret

    report(secret)
    run_tasks()

    text = next(message.body for message in mail.outbox if message.to == ["ada@example.org"])
    assert "no longer works" in text
    assert "http" not in text.replace(PLACE, "")


def test_an_address_that_contains_the_secret_is_blanked(by_secret: None, intern: User, sandbox: Sandbox) -> None:
    secret = issue(intern).secret
    for place in (f"https://paste.example/?q={secret}", "javascript:alert(1)"):
        LeakNotice.objects.all().delete()
        LeakReport.objects.all().delete()
        rows = json.dumps([{"token": secret, "url": place}]).encode()

        send(rows, Authorization=f"Bearer {SHARED}")

        assert secret not in LeakReport.objects.get().where
        assert "javascript" not in LeakReport.objects.get().where


def test_anonymisation_forgets_where_it_was(by_secret: None, intern: User, sandbox: Sandbox) -> None:
    report(issue(intern).secret)

    forget_keys(intern)

    assert LeakReport.objects.get().where == ""
    assert not LeakNotice.objects.filter(person=intern).exists()
