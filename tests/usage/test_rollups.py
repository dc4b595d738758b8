"""The sums that pages read, made anew from facts."""

from datetime import date, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command

from tests.sandbox_process import Sandbox
from tests.usage.acts import TODAY, YESTERDAY, assert_sums_are_right, poll, tell, used
from usage.models import DayModel, DaySource, Fact, Source, UsageState, UsedModel

pytestmark = pytest.mark.django_db
A, B = "a" * 64, "b" * 64


@pytest.fixture
def two_days(sandbox: Sandbox) -> None:
    for day in (YESTERDAY, TODAY):
        tell(sandbox, day, used(A), used(B, "embedding"))
    poll(YESTERDAY, TODAY)


def rebuild() -> str:
    said = StringIO()
    call_command("rebuild_usage", stdout=said)
    return said.getvalue()


def test_says_that_nothing_differed(two_days: None) -> None:
    version = UsageState.load().version

    assert rebuild() == "Nothing differed.\n"
    assert UsageState.load().version == version


def test_mends_what_differed_and_says_where(two_days: None) -> None:
    DayModel.objects.filter(day=TODAY, model__name="embedding").delete()
    DaySource.objects.filter(day=TODAY, source__token=A).update(spend_usd=Decimal(7))
    DaySource.objects.create(
        day=TODAY - timedelta(days=9), source=Source.objects.first() or Source(), spend_usd=Decimal(1)
    )
    version = UsageState.load().version

    said = rebuild()

    assert said.splitlines() == [
        f"{TODAY - timedelta(days=9)}: 1 rows differed, and are right now",
        f"{TODAY}: 2 rows differed, and are right now",
        "2 days differed.",
    ]
    assert UsageState.load().version > version
    assert_sums_are_right()


def test_sums_are_exact_where_floats_would_not_be(db: None) -> None:
    model = UsedModel.objects.create(name="m")
    sources = Source.objects.bulk_create([Source(token=f"{number:064x}") for number in range(1000)])
    small, large = Decimal("0.000000000001"), Decimal("1234.1")
    Fact.objects.bulk_create(
        [
            Fact(day=date(2026, 1, 1), source=source, model=model, spend_usd=large if number % 2 else small)
            for number, source in enumerate(sources)
        ]
    )

    rebuild()

    assert DayModel.objects.get().spend_usd == 500 * large + 500 * small == Decimal("617050.000000000500")
