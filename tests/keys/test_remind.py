"""One mail before a key ends, and no second."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from keys import services
from keys.models import Key, Reminder, ReminderMail, RequestedReminder
from tests.factories import make_staff
from tests.keys.actions import issue
from tests.ports import free_port
from tests.sandbox_process import Sandbox


@pytest.fixture
def ending(staff: User, sandbox: Sandbox) -> Key:
    """Make a key for an intern that ends in five days."""
    key = issue(staff, "practical", intern_name="Intern B", intern_email="intern-b@example.edu").key
    now = timezone.now()
    Key.objects.filter(pk=key.pk).update(
        created_at=now - timedelta(days=25), expires_at=now + timedelta(days=5, hours=1)
    )
    return key


def test_writes_to_the_owner_and_the_intern_once(ending: Key) -> None:
    assert services.remind_owners() == 2
    assert services.remind_owners() == 0

    of_owner, of_intern = mail.outbox
    assert (of_owner.to, of_intern.to) == ([ending.owner.email], ["intern-b@example.edu"])
    for message in mail.outbox:
        assert "practical" in message.subject
        assert "in 5 days" in message.body
    assert "/link/renew/" in of_owner.body
    assert "used by Intern B" in of_owner.body
    assert "http" not in of_intern.body
    assert f"ask Staff B ({ending.owner.email})" in of_intern.body


def test_has_all_keys_of_a_person_in_one_mail(ending: Key, staff: User) -> None:
    issue(staff, "survey", kind="personal")
    dates = {"created_at": timezone.now() - timedelta(days=90), "expires_at": timezone.now() + timedelta(days=3)}
    Key.objects.filter(label="survey").update(**dates)

    services.remind_owners()

    (of_owner,) = (message for message in mail.outbox if message.to == [staff.email])
    assert of_owner.subject == "[Passerelle] 2 of your keys expire soon"
    assert of_owner.body.index("“survey”") < of_owner.body.index("“practical”")


def test_writes_again_on_the_day_before_and_not_twice_a_day(ending: Key) -> None:
    assert services.remind_owners() == 2
    ends = timezone.now() + timedelta(hours=20)
    Key.objects.update(expires_at=ends)
    Reminder.objects.update(expires_at=ends)

    assert services.remind_owners() == 0  # today they had one
    yesterday()
    assert services.remind_owners() == 2
    yesterday()
    assert services.remind_owners() == 0

    bodies = [str(message.body) for message in mail.outbox]
    assert [body.count("in 20 hours") for body in bodies] == [0, 0, 1, 1]


def test_writes_again_when_the_end_or_the_owner_is_another(ending: Key) -> None:
    services.remind_owners()
    yesterday()
    assert services.remind_owners() == 0
    Key.objects.update(expires_at=timezone.now() + timedelta(days=3))
    assert services.remind_owners() == 2
    yesterday()

    Key.objects.update(owner=make_staff("other"))
    assert services.remind_owners() == 1


@pytest.mark.parametrize("days", [8, -1])
def test_sends_nothing_when_the_end_is_far_or_past(ending: Key, days: int) -> None:
    Key.objects.update(expires_at=timezone.now() + timedelta(days=days))

    assert services.remind_owners() == 0


def test_tries_again_when_the_mail_server_was_away(ending: Key, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    assert services.remind_owners() == 0

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert services.remind_owners() == 2


def test_a_key_that_ends_before_a_mail_of_tomorrow_has_a_second_mail_today(ending: Key, staff: User) -> None:
    services.remind_owners()
    now = timezone.now()
    for label in ("survey", "poll"):
        short = issue(staff, label, kind="personal").key
        Key.objects.filter(pk=short.pk).update(created_at=now - timedelta(hours=5), expires_at=now + timedelta(hours=1))
        assert [services.remind_owners(), services.remind_owners()] == [1, 0]

    assert ["survey" in mail.outbox[2].subject, "poll" in mail.outbox[3].subject] == [True, True]
    assert len({message.extra_headers["Message-ID"] for message in mail.outbox}) == 4


def test_keys_are_read_once_the_mail_is_claimed(ending: Key) -> None:
    end = timezone.now() + timedelta(days=3, hours=1)
    with before_claim(lambda: Key.objects.update(expires_at=end)):
        services.remind_owners()

    assert "in 3 days" in mail.outbox[0].body
    assert Reminder.objects.filter(expires_at=end).count() == 2


def test_a_run_around_midnight_does_not_repeat_the_mail_of_another(ending: Key) -> None:
    def of_another_run() -> None:
        services.remind_owners()
        yesterday()

    with before_claim(of_another_run):
        services.remind_owners()

    assert len(mail.outbox) == 2  # to the owner and to the intern


def test_an_intern_with_keys_of_two_owners_has_a_mail_about_those_of_one(ending: Key) -> None:
    other = make_staff("other")
    moved = Key(owner=other, intern=ending.intern, kind=ending.kind, state=Key.State.ACTIVE, label="survey")
    moved.created_at, moved.expires_at = timezone.now() - timedelta(days=25), timezone.now() + timedelta(days=6)
    moved.save()

    services.remind_owners()
    yesterday()
    services.remind_owners()

    first, second = (str(message.body) for message in mail.outbox if message.to == ["intern-b@example.edu"])
    assert ("practical" in first, "survey" in first, other.email in first) == (True, False, False)
    assert ("practical" in second, "survey" in second, other.email in second) == (False, True, True)


def test_a_requested_reminder_goes_to_the_owner_as_they_are_once_it_is_claimed(staff: User) -> None:
    people = User.objects.filter(pk=staff.pk)
    services.request_reminder(owner=staff, lines=["thesis"], by="Admin")
    with before_claim(lambda: people.update(email="new@example.edu")):
        assert services.send_requested_reminders() == 1
    assert mail.outbox[0].to == ["new@example.edu"]

    services.request_reminder(owner=staff, lines=["thesis"], by="Admin")
    with before_claim(lambda: people.update(is_active=False)):
        assert services.send_requested_reminders() == 0
    assert not RequestedReminder.objects.exists()


@contextmanager
def before_claim(change: Callable[[], object]) -> Iterator[None]:
    """Change something in the moment before the first row is claimed: others work at the same time."""
    changes = [change]

    def execute(call: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if changes and sql.startswith("UPDATE") and "claimed_at" in sql:
            changes.pop()()
        return call(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield


def yesterday() -> None:
    """Let all mails have been of the day before."""
    ReminderMail.objects.update(sent_on=timezone.now().date() - timedelta(days=1))
