"""The sums that pages read, rebuilt from facts."""

from datetime import date, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command

from accounts.models import User
from tests.sandbox_process import Sandbox
from tests.usage.polling import assert_sums_are_right, poll, report_day, used, yesterday
from usage.models import CountedMember, DayModel, DayToken, Fact, TokenRef, UsageState, UsedModel, WeekToken, utc_today
from usage.services.rollups import Changes

pytestmark = pytest.mark.django_db
A, B = "a" * 64, "b" * 64


@pytest.fixture
def two_days(sandbox: Sandbox) -> None:
    for day in (yesterday(), utc_today()):
        report_day(sandbox, day, used(A), used(B, "embedding"))
    poll(yesterday(), utc_today())


def rebuild() -> str:
    said = StringIO()
    call_command("rebuild_usage", stdout=said)
    return said.getvalue()


def test_says_that_nothing_differed(two_days: None) -> None:
    version = UsageState.load().version

    assert rebuild() == "Nothing differed.\n"
    assert UsageState.load().version == version


def test_repairs_differences_and_reports_them(two_days: None) -> None:
    DayModel.objects.filter(day=utc_today(), model__name="embedding").delete()
    DayToken.objects.filter(day=utc_today(), token_ref__token=A).update(spend_usd=Decimal(7))
    DayToken.objects.create(
        day=utc_today() - timedelta(days=9), token_ref=TokenRef.objects.first() or TokenRef(), spend_usd=Decimal(1)
    )
    version = UsageState.load().version

    said = rebuild()

    assert said.splitlines() == [
        f"{utc_today() - timedelta(days=9)}: 1 rows differed, and were corrected",
        f"{utc_today()}: 2 rows differed, and were corrected",
        "2 days differed.",
    ]
    assert UsageState.load().version > version
    assert_sums_are_right()


def test_repairs_weeks_whose_days_are_right_or_gone(two_days: None) -> None:
    token_ref = TokenRef.objects.get(token=A)
    week = WeekToken.objects.filter(token_ref=token_ref).latest("week")
    WeekToken.objects.filter(pk=week.pk).update(spend_usd=Decimal(7))
    gone = week.week - timedelta(days=70)
    WeekToken.objects.create(week=gone, token_ref=token_ref, spend_usd=Decimal(1))

    said = rebuild()

    assert said.splitlines() == [
        f"{gone}: 1 rows differed, and were corrected",
        f"{week.week}: 1 rows differed, and were corrected",
        "2 days differed.",
    ]
    assert not WeekToken.objects.filter(week=gone).exists()
    assert WeekToken.objects.get(pk=week.pk).spend_usd == week.spend_usd
    assert_sums_are_right()


def test_sums_are_exact_where_floats_would_not_be(db: None) -> None:
    model = UsedModel.objects.create(name="m")
    token_refs = TokenRef.objects.bulk_create([TokenRef(token=f"{number:064x}") for number in range(1000)])
    small, large = Decimal("0.000000000001"), Decimal("1234.1")
    Fact.objects.bulk_create(
        [
            Fact(day=date(2026, 1, 1), token_ref=token_ref, model=model, spend_usd=large if number % 2 else small)
            for number, token_ref in enumerate(token_refs)
        ]
    )

    rebuild()

    assert DayModel.objects.get().spend_usd == 500 * large + 500 * small == Decimal("617050.000000000500")


def test_two_runs_note_a_member_once(intern: User) -> None:
    for _ in range(2):
        Changes(token_refs={}, added=[(intern.pk, 1)], removed=[]).note()

    assert list(CountedMember.objects.values_list("person", "group_number")) == [(intern.pk, 1)]
