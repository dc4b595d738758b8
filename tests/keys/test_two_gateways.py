"""Two gateways swapped for one sync and back, an empty one, one restored from a backup: nothing is lost.

Against two sandboxes always; against two real ones where REAL_GATEWAY_URL and REAL_OTHER_GATEWAY_URL are given (same
admin key); the database of the second, REAL_OTHER_GATEWAY_DATABASE, is dumped and restored for real.
"""

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
import requests
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys import services
from keys.models import GatewayIdentity, Key, Token
from keys.tasks import refresh_models, sweep, sync
from tests.factories import make_staff
from tests.keys.actions import BY_TEST, again, issue
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until
from usage.models import Fact, PollRun, UsageState, utc_today
from usage.services import compare_with_gateway, refresh_facts

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]
REAL = pytest.param("real", marks=[pytest.mark.real_gateway, pytest.mark.second_real_gateway])
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi [words 3]"}], "max_tokens": 3}


class Place(Protocol):
    """A gateway whose state can be kept and brought back."""

    url: str
    admin_key: str

    def copy(self) -> Callable[[], None]:
        """Keep its state; return what brings it back."""


class SandboxPlace:
    """A sandbox over a file, which is copied as a database is dumped."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = Sandbox(data=folder / "gateway.sqlite3").start()
        self.url, self.admin_key = self._process.url, self._process.admin_key

    def copy(self) -> Callable[[], None]:
        """Stop it, copy the file, start it again at the same port."""
        self._process.stop()
        kept = {path: path.read_bytes() for path in self._folder.iterdir() if path.is_file()}
        self._process.start(port=self._port)

        def restore() -> None:
            self._process.stop()
            for path, content in kept.items():
                path.write_bytes(content)
            self._process.start(port=self._port)

        return restore

    @property
    def _port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self) -> None:
        """End it."""
        self._process.stop()


class RealPlace:
    """A real LiteLLM."""

    def __init__(self, name: str) -> None:
        self.url, self.admin_key = os.environ[name].rstrip("/"), os.environ["REAL_GATEWAY_ADMIN_KEY"]

    def copy(self) -> Callable[[], None]:
        """Dump its data; what restores them empties its tables first. LiteLLM goes on running meanwhile."""
        database = os.environ["REAL_OTHER_GATEWAY_DATABASE"]
        every_table = "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables"
        names = _run("psql", "-Atc", f"{every_table} WHERE schemaname = 'public'", database).strip()
        dump = _run("pg_dump", "--data-only", "--disable-triggers", database)
        given = b"TRUNCATE " + names + b" CASCADE;\n" + dump

        def restore() -> None:
            _run("psql", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1", database, given=given)

        return restore


def _run(*command: str, given: bytes | None = None) -> bytes:
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True, timeout=60).stdout


@pytest.fixture(params=["sandboxes", REAL])
def places(request: pytest.FixtureRequest, tmp_path: Path, db: None) -> Iterator[tuple[Place, Place]]:
    """Return the gateway that the portal knows, whose state can be kept, and another."""
    if request.param == "real":
        one, other = RealPlace("REAL_OTHER_GATEWAY_URL"), RealPlace("REAL_GATEWAY_URL")
        yield one, other
        call(one, "POST", "/team/delete", json={"team_ids": [GatewayIdentity.load().marker]})
        return
    (tmp_path / "other").mkdir()
    ours, another = SandboxPlace(tmp_path), SandboxPlace(tmp_path / "other")
    yield ours, another
    ours.stop()
    another.stop()


@pytest.fixture
def ask(settings: Settings) -> Callable[[Place], None]:
    """Return how to set GATEWAY_URL."""
    settings.GATEWAY_READ_TIMEOUT_S = 20

    def at(place: Place) -> None:
        settings.GATEWAY_URL, settings.GATEWAY_ADMIN_KEY = place.url, place.admin_key

    return at


@pytest.fixture
def person(db: None) -> User:
    """Return somebody with many keys, whom both gateways keep apart from others."""
    return make_staff(f"two-gateways-{secrets.token_hex(4)}", gateway_user_id=f"two-gateways-{secrets.token_hex(8)}")


def call(place: Place, method: str, path: str, *, key: str = "", **more: Any) -> Any:
    """Ask a gateway as admin, or with a key."""
    headers = {"authorization": f"Bearer {key or place.admin_key}"}
    return requests.request(method, place.url + path, headers=headers, timeout=30, **more)


def tokens_of(place: Place, person: User) -> set[str]:
    """Return the tokens of the person's keys at a gateway."""
    query = {"user_id": person.gateway_user_id, "size": 100}
    return set(call(place, "GET", "/key/list", params=query).json()["keys"])


def rows_of(person: User) -> list[dict[str, Any]]:
    """Return what we have of the person's keys."""
    fields = ("pk", "state", "token", "key__state", "key__problem")
    return list(Token.objects.filter(key__owner=person).order_by("pk").values(*fields))


def everything() -> None:
    """Do all that is done on a schedule."""
    for task in (refresh_models, sync, sweep):
        with suppress(services.GatewayChanged):
            task.run()
    compare_with_gateway()
    refresh()


def refresh() -> PollRun:
    """Poll today, without waiting for the gateway's rest."""
    UsageState.objects.update(cooldown_until=None)
    return refresh_facts(utc_today(), utc_today(), PollRun.Kind.TODAY)


def use(place: Place, secret: str, person: User) -> None:
    """Make a call with a key, and wait until it is a fact here."""
    assert call(place, "POST", "/v1/chat/completions", key=secret, json=CHAT).ok
    owned = Fact.objects.filter(token_ref__token=token_of(secret), ok_requests__gt=0)
    wait_until(lambda: refresh().outcome == "done" and owned.exists(), timeout_s=60)


def test_a_swapped_or_empty_gateway_deletes_no_key(
    places: tuple[Place, Place], ask: Callable[[Place], None], person: User, admin: User
) -> None:
    ours, other = places
    ask(ours)
    fresh = [issue(person, f"key {number}", Key.Kind.PERSONAL) for number in range(12)]
    services.rotate_key(key=again(fresh[0].key), actor=BY_TEST)
    Token.objects.filter(state=Token.State.RETIRING).update(retires_at=timezone.now())
    everything()
    use(ours, fresh[1].secret, person)
    services.sync_keys()
    before, rows, facts = tokens_of(ours, person), rows_of(person), list(Fact.objects.order_by("pk").values())
    assert len(before) == 12

    ask(other)
    everything()

    assert rows_of(person) == rows
    assert list(Fact.objects.order_by("pk").values()) == facts
    assert [sent.to for sent in mail.outbox] == [[admin.email]]
    ask(ours)
    everything()
    assert tokens_of(ours, person) == before
    assert rows_of(person) == rows
    assert len(mail.outbox) == 1
    assert GatewayIdentity.load().problem == ""
    call(ours, "POST", "/key/delete", json={"keys": sorted(before)})


def test_a_gateway_restored_from_a_backup_deletes_no_key(
    places: tuple[Place, Place], ask: Callable[[Place], None], person: User, admin: User
) -> None:
    ours, _other = places
    ask(ours)
    kept, deleted = (issue(person, label, Key.Kind.PERSONAL) for label in ("kept", "deleted since"))
    use(ours, kept.secret, person)
    services.sync_keys()
    bring_back = ours.copy()
    GatewayIdentity.objects.update(stamp=timezone.now() - timedelta(hours=2))  # so that it is written anew
    services.identify_gateway()
    made = issue(person, "made since", Key.Kind.PERSONAL)
    use(ours, made.secret, person)
    services.delete_key(key=deleted.key, actor=BY_TEST)
    rows, facts = rows_of(person), list(Fact.objects.order_by("pk").values())

    bring_back()
    everything()

    assert rows_of(person) == rows
    assert list(Fact.objects.order_by("pk").values()) == facts
    assert [sent.to for sent in mail.outbox] == [[admin.email]]
    assert tokens_of(ours, person) == {token_of(kept.secret), token_of(deleted.secret)}
    services.accept_gateway("somebody")
    everything()
    assert tokens_of(ours, person) == {token_of(kept.secret)}  # its owner had asked for the deletion of the other
    assert again(kept.key).state == Key.State.ACTIVE
    assert again(made.key).problem == Key.Problem.GONE
    assert set(Fact.objects.values_list("pk", flat=True)) >= {fact["id"] for fact in facts}
    assert Fact.objects.get(token_ref__token=token_of(made.secret)).ok_requests == 1
    call(ours, "POST", "/key/delete", json={"keys": [token_of(kept.secret)]})
