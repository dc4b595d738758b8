"""Each kind of mail is on or off, and all may come in one a day; those of sign-in always come."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

import accounts
from accounts.delivery import CLAIM_LASTS
from accounts.mail_choices import send_daily_mails
from accounts.mails import send_later
from accounts.models import DailyItem, MailChoices, User
from keys import services
from keys.models import Key, ReminderMail
from tests.keys.actions import ending_in, issue
from tests.keys.crashes import killed_at_step
from tests.keys.views.pages import assert_only, words_of
from tests.sandbox_process import Sandbox
from tests.smtp import mail_server
from tests.tasks import run_tasks

FOLDER = str(Path(accounts.__file__).parent)
URL = reverse("account_mails")
ALL = {"expiry": "on", "budget": "on", "requests": "on", "unusual": "on", "limits": "on"}


def yesterday() -> None:
    """Let all mails have been of the day before."""
    day = timezone.now().date() - timedelta(days=1)
    ReminderMail.objects.update(sent_on=day)
    MailChoices.objects.update(daily_sent_on=day)


def test_the_page_keeps_the_choice(as_intern: Client, intern: User) -> None:
    assert as_intern.get(URL).content.decode().count(" checked") == 6

    response = as_intern.post(URL, {"budget": "on", "daily": "on"}, follow=True)

    assert "Your choice of mails is saved." in words_of(response)
    assert intern.email in words_of(response)
    choices = MailChoices.objects.get(person=intern)
    assert (choices.expiry, choices.budget, choices.requests, choices.daily) == (False, True, False, True)
    as_intern.post(URL, ALL)
    assert MailChoices.objects.get().expiry
    assert_only(as_intern, URL, "get", "post")


def test_a_mail_says_where_to_choose_and_none_comes_that_is_off(
    as_intern: Client, intern: User, sandbox: Sandbox, settings: Settings
) -> None:
    ending_in(issue(intern).key, sandbox, days=3)
    as_intern.post(URL, {"budget": "on"})
    assert services.remind_owners() == 0
    send_later("password_changed", intern)
    run_tasks()
    assert [message.subject for message in mail.outbox] == ["[Passerelle] Your password was changed"]

    as_intern.post(URL, ALL)
    yesterday()
    assert services.remind_owners() == 1

    message = mail.outbox[-1]
    assert message.body.endswith(f"Choose which mails you get: {settings.PORTAL_URL}{URL}")
    assert message.extra_headers["List-Unsubscribe"] == f"<{settings.PORTAL_URL}{URL}>"


def test_a_daily_mail_has_all_of_a_day_once_in_the_language_of_its_reader(
    as_staff: Client, staff: User, sandbox: Sandbox
) -> None:
    User.objects.filter(pk=staff.pk).update(language="fr")
    as_staff.post(URL, {**ALL, "daily": "on"})
    ending_in(issue(staff, "mémoire").key, sandbox, days=3)
    assert services.remind_owners() == 1
    assert not mail.outbox
    yesterday()
    ending_in(issue(staff, "thèse").key, sandbox, days=4)
    assert services.remind_owners() == 1

    assert (send_daily_mails(), send_daily_mails()) == (1, 0)

    (message,) = mail.outbox
    body = str(message.body)
    assert "mémoire" in body
    assert "thèse" in body
    assert body.count("Bonjour") == body.count("-- \n") == 1
    assert "List-Unsubscribe" in message.extra_headers
    assert not DailyItem.objects.exists()


def test_a_last_reminder_does_not_wait_for_a_daily_mail_after_the_end(intern: User, sandbox: Sandbox) -> None:
    MailChoices.objects.create(person=intern, daily=True)
    key = ending_in(issue(intern).key, sandbox, days=1)
    noon = datetime.combine(timezone.now().date(), time(12), UTC)
    Key.objects.filter(pk=key.pk).update(expires_at=timezone.now() + timedelta(minutes=90))

    assert services.remind_owners() == 1

    assert len(mail.outbox) == 1
    assert not DailyItem.objects.exists()
    yesterday()
    Key.objects.filter(pk=key.pk).update(expires_at=noon + timedelta(hours=30))
    assert services.remind_owners() == 1
    assert len(mail.outbox) == DailyItem.objects.count() == 1


def test_an_item_more_makes_a_daily_mail_another_one(intern: User) -> None:
    MailChoices.objects.create(person=intern, daily=True)
    first = DailyItem.objects.create(person=intern, name="one", subject="News", body="New")
    send_daily_mails()
    MailChoices.objects.update(daily_sent_on=None)  # as if killed before the mail was noted
    first.save(force_insert=True)
    DailyItem.objects.create(person=intern, name="two", subject="More", body="More")

    send_daily_mails()

    assert len({message.extra_headers["Message-ID"] for message in mail.outbox}) == 2


def test_items_that_could_not_be_sent_for_three_days_are_deleted(intern: User, staff: User) -> None:
    User.objects.filter(pk=intern.pk).update(is_active=False)
    MailChoices.objects.create(person=intern, daily=True)
    MailChoices.objects.create(person=staff, daily=True, daily_sent_on=timezone.now().date())
    for number, person in enumerate((intern, intern, staff)):
        item = DailyItem.objects.create(person=person, name=f"item-{number}", subject="News", body="New")
        DailyItem.objects.filter(pk=item.pk).update(made_at=timezone.now() - timedelta(days=2 * number, hours=1))

    assert send_daily_mails() == 0

    assert list(DailyItem.objects.values_list("name", flat=True)) == ["item-0", "item-1"]


@pytest.mark.slow
@pytest.mark.kills
@pytest.mark.django_db(transaction=True)
def test_two_workers_killed_at_any_step_write_one_daily_mail(settings: Settings, intern: User) -> None:
    MailChoices.objects.create(person=intern, daily=True)
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        step, killed = 0, True
        while killed:
            step += 1
            server.mails.clear()
            MailChoices.objects.update(daily_sent_on=None, claimed_at=None)
            DailyItem.objects.create(person=intern, name=f"item-{step}", subject="News", body="New")
            deaths = [killed_at_step(step, send_daily_mails, folder=FOLDER) for _worker in range(2)]
            killed = any(deaths)
            MailChoices.objects.exclude(claimed_at=None).update(
                claimed_at=timezone.now() - CLAIM_LASTS - timedelta(seconds=1)
            )
            send_daily_mails()
            assert len({message["Message-ID"] for message in server.mails}) == 1
            assert not DailyItem.objects.exists()
    assert step > 3
