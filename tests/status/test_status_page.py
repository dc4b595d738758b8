"""The administrators' page about the portal itself: what is wrong, what to do, and a text with nothing private."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts.delivery import MailServerUnavailable, deliver
from accounts.mail_record import mail_record
from accounts.models import User
from keys.heartbeat import note_run
from keys.models import GatewayIdentity, GatewayState, Heartbeat
from keys.processes import write_heartbeat
from portal.status import parts
from portal.status.parts import portal_status
from portal.status.surroundings import CHECKS, Disk, surroundings
from tests.conftest import HTMX, signed_in
from tests.keys.actions import issue
from tests.keys.views.pages import words_of
from tests.people.conftest import with_permissions
from tests.sandbox_process import Sandbox
from usage.models import UsageState
from web import health
from web.bounded import BoundedCheck

pytestmark = pytest.mark.django_db
PAGE, FILE = "/admin/status/", "/admin/status/diagnostics.txt"


@pytest.fixture(autouse=True)
def checks_anew() -> None:
    health._asker.forget()


@pytest.fixture
def all_well(sandbox: Sandbox, db: None) -> None:
    """Have everything checked just now, and found in order."""
    day_ago, now = timezone.now() - timedelta(days=1), timezone.now()
    write_heartbeat(Heartbeat.Kind.WORKER, "celery@a", ["celery", "polls", "webhooks"], day_ago)
    write_heartbeat(Heartbeat.Kind.BEAT, "a", started_at=day_ago)
    note_run("keys.sweep", ok=True)
    GatewayState.objects.update(checked_at=now)
    GatewayIdentity.objects.create(pk=1)
    UsageState.objects.create(pk=1, last_try_at=now, last_ok_at=now)


def test_is_for_those_who_set_the_portal_up(
    client: Client, as_intern: Client, as_staff: Client, sandbox: Sandbox
) -> None:
    as_builder = signed_in(with_permissions("builder", "set_up_portal"))
    for address in (PAGE, FILE):
        assert [browser.get(address).status_code for browser in (client, as_intern, as_staff, as_builder)] == [
            302,
            403,
            403,
            200,
        ]
        assert as_builder.post(address).status_code == 405

    assertContains(as_builder.get(PAGE), f'href="{PAGE}"')
    assertContains(as_builder.get("/"), f'href="{PAGE}"')  # the only page under Admin that this person may open


def test_says_that_everything_is_well(as_admin: Client, all_well: None) -> None:
    words = words_of(as_admin.get(PAGE))

    assert "Everything is well" in words
    assert "Last success: just now" in words
    assert "celery: 0 tasks wait" in words
    assert "SQLite" in words or "PostgreSQL" in words


def test_says_what_is_wrong_and_what_to_do_the_worst_first(
    as_admin: Client, all_well: None, settings: Settings
) -> None:
    hour_ago = timezone.now() - timedelta(hours=1)
    Heartbeat.objects.filter(kind=Heartbeat.Kind.BEAT).update(seen_at=hour_ago)
    note_run("courses.end_due", ok=False)
    UsageState.objects.update(last_try_at=hour_ago, last_ok_at=hour_ago)
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = "tests.status.smtp_away.AwayBackend", "", 0
    with pytest.raises(MailServerUnavailable):
        deliver(EmailMessage("Hello", to=["ada@example.edu"]), name="hello")

    response = as_admin.get(PAGE)

    words = words_of(response)
    assert "4 parts need attention" in words
    at = [
        words.index(each) for each in ("The scheduler is not running", "The last mail could not be sent", "Some tasks")
    ]
    assert at == sorted(at)
    assert "courses.end_due (just now)" in words
    assert "ConnectionRefusedError" in words
    assertNotContains(response, "ada@example.edu")


def test_a_mail_that_is_sent_ends_the_alarm() -> None:
    cache.set("mail:failed", (timezone.now() - timedelta(minutes=1), "TimeoutError"))
    assert mail_record().is_failing

    deliver(EmailMessage("Hello", to=["ada@example.edu"]), name="hello")

    assert not mail_record().is_failing
    assert len(mail.outbox) == 1


def test_a_refused_address_is_no_failure_of_the_mail_server(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "tests.status.smtp_away.RefusingBackend"

    assert not deliver(EmailMessage("Hello", to=["ada@example.edu"]), name="hello")

    assert not mail_record().is_failing


def test_names_a_disk_that_is_nearly_full() -> None:
    tones = [
        parts._disk(Disk(folders=("VAR_DIR",), free_bytes=free * 2**20, total_bytes=total * 2**20)).tone
        for free, total in ((100, 1000), (1000, 20000), (1000, 5000), (50000, 1000000))
    ]

    assert tones == ["bad", "warn", "ok", "ok"]


def hanging(is_free: threading.Event) -> Callable[[], Any]:
    """Return a check that hangs until it is let go."""

    def hang() -> None:
        is_free.wait(30)

    return hang


def test_a_hanging_check_holds_nothing_and_is_not_started_twice() -> None:
    is_free, started = threading.Event(), []

    def hang() -> str:
        started.append("once")
        is_free.wait(30)
        return "done"

    check = BoundedCheck("test", hang)
    assert [check.result(within_s=0.01) for _ in range(3)] == [None, None, None]
    is_free.set()

    assert check.result(within_s=30) == "done"
    assert started == ["once"]


def test_a_hanging_disk_leaves_the_results_of_the_others() -> None:
    is_free, read = threading.Event(), []

    def read_queues() -> Mapping[str, int] | None:
        read.append("once")
        return {"celery": 3}

    disks, queues = BoundedCheck("disks", hanging(is_free)), BoundedCheck("queues", read_queues)

    found = surroundings(replace(CHECKS, disks=disks, queues=queues), within_s=0.2)
    is_free.set()

    assert (found.disks, found.queues, read) == (None, {"celery": 3}, ["once"])


def test_a_hanging_disk_and_queue_are_shown_as_such(all_well: None) -> None:
    is_free = threading.Event()
    disks, queues = BoundedCheck("disks", hanging(is_free)), BoundedCheck("queues", hanging(is_free))

    shown = portal_status(replace(CHECKS, disks=disks, queues=queues)).parts
    is_free.set()

    assert "The disk did not answer within a second." in [str(part.problem) for part in shown]
    assert "Not known" in [str(part.word) for part in shown]


def test_a_hanging_gateway_does_not_hold_the_page(as_admin: Client, all_well: None, sandbox: Sandbox) -> None:
    cache.delete_many([f"health:gateway:{sandbox.url}"])
    sandbox.faults("/health/liveliness", "hang_before", seconds=60)

    assert "The gateway did not answer within a second." in words_of(as_admin.get(PAGE))


def test_htmx_gets_the_parts_alone(as_admin: Client, all_well: None) -> None:
    response = as_admin.get(PAGE, headers=HTMX)

    assertContains(response, 'id="status-panel"')
    assertNotContains(response, "status-diagnostics")
    assertNotContains(response, "<html")


def test_the_diagnostics_have_no_name_address_or_secret(
    as_admin: Client, all_well: None, staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(staff, "a label of theirs")
    note_run("keys.sync", ok=False)
    planted = {
        "GATEWAY_URL": "http://gateway.internal.example:4000",
        "GATEWAY_ADMIN_KEY": "sk-planted-admin-key-0001",
        "SECRET_KEY_FILE": "/etc/planted/secret",
        "DATABASE_URL": "postgres://planted:password@db.internal.example/x",
        "LOG_LEVEL": "INFO",
    }
    for name, value in planted.items():
        monkeypatch.setenv(name, value)

    response = as_admin.get(FILE)

    text = response.content.decode()
    assert response["Content-Type"].startswith("text/plain")
    assert "attachment" in response["Content-Disposition"]
    for line in (
        "  LOG_LEVEL: INFO",
        "  GATEWAY_ADMIN_KEY: set",
        "  SECRET_KEY_FILE: set",
        "  keys, active: 1",
        "  beat: up",
    ):
        assert f"{line}\n" in text
    assert "keys.sync" in text
    hidden = [*(value for name, value in planted.items() if name != "LOG_LEVEL"), "internal", "planted", "password"]
    people = [each for user in User.objects.all() for each in (user.email, user.get_full_name()) if each]
    hidden += [*people, "a label of theirs", sandbox_address(settings), settings.SECRET_KEY, "sk-"]
    assert [each for each in hidden if each in text] == []
    assert reverse("status:diagnostics") == FILE


def sandbox_address(settings: Settings) -> str:
    return str(settings.GATEWAY_URL).removeprefix("http://")
