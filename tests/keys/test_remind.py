"""One mail before a key ends, and no second."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from keys import services
from keys.models import Key, Reminder, ReminderMail
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


def yesterday() -> None:
    """Let all mails have been of the day before."""
    ReminderMail.objects.update(sent_on=timezone.now().date() - timedelta(days=1))
