"""A key that spends ten times a usual day: one mail a key and day, with a link that pauses it."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends import locmem
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from accounts.models import MailChoices, User
from gateway.secret import token_of
from keys.models import Key
from tests.courses.courses import make_course
from tests.factories import make_staff, make_user
from tests.keys.actions import again, issue
from tests.keys.team_actions import issue_in
from tests.keys.views.pages import words_of
from tests.sandbox_process import Sandbox
from tests.usage.polling import poll, report_day, used, yesterday
from usage.models import UnusualSpend, utc_today
from usage.services import warn_of_unusual_spend


@pytest.fixture
def usual(intern: User, sandbox: Sandbox, settings: Settings) -> tuple[Key, str]:
    """Make a key with four days of a dollar each."""
    settings.UNUSUAL_SPEND_USD = Decimal(5)
    fresh = issue(intern)
    for number in range(1, 5):
        report_day(sandbox, utc_today() - timedelta(days=number), used(token_of(fresh.secret), usd="1"))
    poll(utc_today() - timedelta(days=4))
    return fresh.key, token_of(fresh.secret)


def spend(sandbox: Sandbox, token: str, usd: str) -> int:
    """Let the key have spent this today; return how many mails came of it."""
    report_day(sandbox, utc_today(), used(token, usd=usd))
    poll()
    return warn_of_unusual_spend()


def test_writes_once_with_a_link_that_pauses(
    client: Client, usual: tuple[Key, str], sandbox: Sandbox, settings: Settings
) -> None:
    key, token = usual
    assert spend(sandbox, token, "10") == 0  # not more than ten times
    assert spend(sandbox, token, "11") == 1
    assert spend(sandbox, token, "12") == 0

    (message,) = mail.outbox
    assert "has spent 11.00\u00a0USD" in message.body
    assert "spend 1.00\u00a0USD on a usual day" in message.body
    link = re.findall(rf"{re.escape(settings.PORTAL_URL)}(/link/pause/\S+)", str(message.body))[0]
    assert "Pause “thesis”?" in words_of(client.get(link))
    assert not again(key).is_paused
    assert "Paused: the gateway refuses “thesis”" in words_of(client.post(link))
    assert again(key).is_paused
    assert client.post(link).status_code == 409


@pytest.mark.parametrize("days", [0, 2])
def test_knows_nothing_of_who_has_hardly_spent_before(
    intern: User, sandbox: Sandbox, settings: Settings, days: int
) -> None:
    settings.UNUSUAL_SPEND_USD = Decimal(5)
    token = token_of(issue(intern).secret)
    for number in range(1, days + 1):
        report_day(sandbox, utc_today() - timedelta(days=number), used(token, usd="0.01"))
    poll(utc_today() - timedelta(days=2))

    assert spend(sandbox, token, "50") == 0


@pytest.mark.parametrize("floor", [None, Decimal(100)])
def test_is_silent_below_the_floor(
    usual: tuple[Key, str], sandbox: Sandbox, settings: Settings, floor: Decimal | None
) -> None:
    settings.UNUSUAL_SPEND_USD = floor

    assert spend(sandbox, usual[1], "50") == 0
    assert not UnusualSpend.objects.exists()


def test_writes_to_admins_by_setting_and_without_the_link(
    usual: tuple[Key, str], sandbox: Sandbox, settings: Settings
) -> None:
    make_user("boss", is_superuser=True)
    settings.UNUSUAL_SPEND_TO_ADMINS = True

    spend(sandbox, usual[1], "50")

    assert sorted(message.to[0] for message in mail.outbox) == ["boss@example.edu", "intern@example.edu"]
    of_boss = next(message for message in mail.outbox if message.to == ["boss@example.edu"])
    assert "/link/" not in of_boss.body
    assert "Intern A" in of_boss.body


class AwayForBoss(locmem.EmailBackend):
    """A mail server that goes away at one recipient."""

    def send_messages(self, messages: Any) -> int:
        """Refuse the connection for the boss."""
        if any(message.to == ["boss@example.edu"] for message in messages):
            raise ConnectionRefusedError
        return super().send_messages(messages)


def test_the_owners_mail_is_not_repeated_when_that_of_an_admin_fails(
    usual: tuple[Key, str], sandbox: Sandbox, settings: Settings
) -> None:
    make_user("boss", is_superuser=True)
    settings.UNUSUAL_SPEND_TO_ADMINS = True
    settings.EMAIL_BACKEND = f"{__name__}.{AwayForBoss.__name__}"

    assert [spend(sandbox, usual[1], "50"), warn_of_unusual_spend()] == [1, 0]

    assert [message.to for message in mail.outbox] == [["intern@example.edu"]]


def test_a_new_level_of_spend_is_written_about_once_a_week(usual: tuple[Key, str], sandbox: Sandbox) -> None:
    assert spend(sandbox, usual[1], "50") == 1
    UnusualSpend.objects.update(day=utc_today() - timedelta(days=3))

    assert spend(sandbox, usual[1], "500") == 0
    assert spend(sandbox, usual[1], "501") == 1  # ten times more again

    UnusualSpend.objects.filter(day=utc_today()).delete()
    UnusualSpend.objects.update(day=utc_today() - timedelta(days=7))
    assert spend(sandbox, usual[1], "50") == 1

    UnusualSpend.objects.filter(day=utc_today()).update(day=utc_today() - timedelta(days=3), mailed_at=None)
    assert spend(sandbox, usual[1], "50") == 1  # nobody had that mail, and it is not sent any more


def test_spend_of_yesterday_and_mails_not_sent_yesterday_are_made_up_for(
    usual: tuple[Key, str], sandbox: Sandbox
) -> None:
    report_day(sandbox, yesterday(), used(usual[1], usd="50"))
    poll(yesterday())
    assert [warn_of_unusual_spend(), warn_of_unusual_spend()] == [1, 0]

    UnusualSpend.objects.update(mailed_at=None)
    assert warn_of_unusual_spend() == 1
    UnusualSpend.objects.update(mailed_at=None, day=utc_today() - timedelta(days=2))
    report_day(sandbox, yesterday())
    poll(yesterday())
    assert warn_of_unusual_spend() == 0


@pytest.mark.parametrize("change", [{"is_active": False}, {"email": ""}])
def test_admins_have_the_mail_where_the_owner_gets_none(
    usual: tuple[Key, str], sandbox: Sandbox, settings: Settings, change: dict[str, Any]
) -> None:
    User.objects.update(**change)
    make_user("boss", is_superuser=True)
    settings.UNUSUAL_SPEND_TO_ADMINS = True

    spend(sandbox, usual[1], "50")
    warn_of_unusual_spend()

    assert [message.to for message in mail.outbox] == [["boss@example.edu"]]


@pytest.mark.parametrize("noted_before", [False, True])
def test_a_former_owner_gets_no_mail(usual: tuple[Key, str], sandbox: Sandbox, *, noted_before: bool) -> None:
    key, token = usual
    report_day(sandbox, utc_today(), used(token, usd="50"))
    poll()
    if noted_before:
        about = {"spent_usd": Decimal(50), "usual_usd": Decimal(1)}
        UnusualSpend.objects.create(key=key, owner=key.owner, day=utc_today(), **about)
    Key.objects.update(owner=make_staff("other"))

    assert warn_of_unusual_spend() == 0

    assert not mail.outbox
    assert UnusualSpend.objects.exists() is noted_before


def test_costs_three_queries_while_nothing_is_above_the_floor(
    usual: tuple[Key, str], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(3):
        assert warn_of_unusual_spend() == 0


@pytest.mark.only_on("sqlite")  # PostgreSQL reads so small a table whole
def test_reads_no_more_facts_than_those_of_the_days_and_people_that_count(
    usual: tuple[Key, str], sandbox: Sandbox
) -> None:
    report_day(sandbox, utc_today(), used(usual[1], usd="50"))
    poll()
    with CaptureQueriesContext(connection) as queries:
        assert warn_of_unusual_spend() == 1

    reads = [each["sql"] for each in queries if "usage_daytoken" in each["sql"]]
    with connection.cursor() as cursor:
        plans = [cursor.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall() for sql in reads]
    steps = [str(step[3]) for plan in plans for step in plan if "usage_daytoken" in step[3]]
    assert len(reads) == len(steps) == 3  # yesterday, today, and the days before of those above the floor
    assert [step for step in steps if not step.startswith("SEARCH")] == []


@pytest.mark.parametrize("reader", ["owner", "admin"])
def test_who_wants_no_such_mails_gets_none(
    usual: tuple[Key, str], sandbox: Sandbox, settings: Settings, reader: str
) -> None:
    settings.UNUSUAL_SPEND_TO_ADMINS = True
    people = {"owner": usual[0].owner, "admin": make_user("boss", is_superuser=True)}
    MailChoices.objects.create(person=people[reader], unusual=False)

    spend(sandbox, usual[1], "50")

    assert [message.to for message in mail.outbox] == [[people["admin" if reader == "owner" else "owner"].email]]
    MailChoices.objects.update(unusual=True)
    assert warn_of_unusual_spend() == 0  # it does not come later


def test_it_does_not_wait_for_the_daily_mail(usual: tuple[Key, str], sandbox: Sandbox) -> None:
    MailChoices.objects.create(person=usual[0].owner, daily=True)

    spend(sandbox, usual[1], "50")

    assert len(mail.outbox) == 1


def test_of_a_key_that_was_handed_out_its_teacher_reads_in_which_course(
    staff: User, sandbox: Sandbox, settings: Settings
) -> None:
    settings.UNUSUAL_SPEND_USD, settings.UNUSUAL_SPEND_TO_ADMINS = Decimal(5), True
    make_user("boss", is_superuser=True, email="boss@example.org")
    course = make_course(staff, team__key_budget_usd=100)
    token = token_of(issue_in(course.team, staff, handed_out=True).secret)
    for number in range(1, 5):
        report_day(sandbox, utc_today() - timedelta(days=number), used(token, usd="1"))
    poll(utc_today() - timedelta(days=4))

    assert spend(sandbox, token, "11") == 1

    of_teacher, of_admin = sorted(mail.outbox, key=lambda message: message.to != [staff.email])
    assert f"It was handed out in the course “{course.name}” to somebody without an account" in of_teacher.body
    assert reverse("courses:course", args=[course.pk]) in of_teacher.body
    assert "/link/pause/" not in of_teacher.body
    assert f"in the name of {staff.display_name}" in of_admin.body
