"""The forecast of a budget: by weekday, with a band, and honest where too little is known."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from usage.forecast import HISTORY_DAYS, Forecast, forecast
from usage.templatetags.budget_chart import band, budget_rows

FIRST, LAST = date(2026, 6, 1), date(2026, 6, 30)  # a Monday, and a Tuesday
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


def spend_of(usd: int, at_weekends: int, *, days: int = HISTORY_DAYS + 1) -> dict[date, Decimal]:
    """Return the spend of the last days until noon of the 15th, a Monday."""
    found = {}
    for number in range(days):
        day = NOON.date() - timedelta(days=number)
        found[day] = Decimal(usd if day.weekday() < 5 else at_weekends)
    found[NOON.date()] /= 2
    return {day: usd for day, usd in found.items() if usd}


def of(spend: dict[date, Decimal], budget: int | None = 200, as_of: datetime = NOON) -> Forecast:
    return forecast(
        spend, first_day=FIRST, last_day=LAST, budget_usd=None if budget is None else Decimal(budget), as_of=as_of
    )


def test_the_same_spend_every_day_goes_on() -> None:
    found = of(spend_of(10, 10))

    assert [found.spent_usd, found.projected_usd, found.over_usd] == [145, 300, 100]
    assert {(each.low_usd, each.high_usd) == (each.usd, each.usd) for each in found.expected} == {True}
    assert found.used_up_on == date(2026, 6, 20)  # 150 by the end of the 15th


def test_weekends_without_use_cost_next_to_nothing() -> None:
    found = of(spend_of(10, 0))
    by_day = {each.day: each for each in found.expected}

    saturday, friday = date(2026, 6, 20), date(2026, 6, 19)
    assert by_day[saturday].usd - by_day[friday].usd < 2
    assert by_day[friday].usd - by_day[friday - timedelta(days=1)].usd > 9
    assert found.projected_usd < of(spend_of(10, 10)).projected_usd


def test_the_band_is_wider_the_more_days_differ_and_the_further_they_are() -> None:
    spend = spend_of(10, 10)
    for number, day in enumerate(spend):
        spend[day] += 8 * (-1) ** number
    found = of(spend)

    widths = [each.high_usd - each.low_usd for each in found.expected]
    assert widths == sorted(widths)
    assert widths[-1] > widths[0] > 0
    assert all(found.spent_usd <= each.low_usd <= each.usd <= each.high_usd for each in found.expected)


def test_of_two_days_nothing_is_forecast_of_three_something() -> None:
    few, enough = of(spend_of(10, 10, days=2)), of(spend_of(10, 10, days=3))

    assert (few.expected, few.is_known, few.used_up_on, few.projected_usd) == ((), False, None, few.spent_usd)
    assert enough.is_known
    assert enough.expected[-1].high_usd > 0


def test_days_before_the_first_use_do_not_count_as_without_spend() -> None:
    assert of(spend_of(10, 10, days=8)).projected_usd == of(spend_of(10, 10)).projected_usd - 70  # the days before


def test_a_used_up_budget_has_its_day() -> None:
    found = of(spend_of(10, 10), budget=50)

    assert (found.is_used_up, found.used_up_on) == (True, date(2026, 6, 5))
    assert band(found) == ""  # the words say no forecast between whose bounds it could be


def test_without_a_budget_nothing_is_used_up() -> None:
    found = of(spend_of(10, 10), budget=None)

    assert [found.is_used_up, found.used_up_on, found.over_usd, found.projected_usd] == [False, None, None, 300]


def test_after_its_end_nothing_is_to_come() -> None:
    found = of(spend_of(10, 10), as_of=datetime(2026, 7, 2, tzinfo=UTC))

    assert (found.is_over, found.expected, found.is_known, len(found.so_far_usd)) == (True, (), True, 30)


def test_a_correction_below_zero_is_no_spend_to_come() -> None:
    found = of({day: -usd for day, usd in spend_of(10, 10).items()})

    assert found.used_up_on is None
    assert all(each.usd >= 0 for each in found.expected)


def test_a_budget_that_a_correction_freed_is_not_used_up_on_a_day_that_has_passed() -> None:
    spend = {FIRST: Decimal(60), NOON.date(): Decimal(-50)}

    assert (of(spend, budget=50).is_used_up, of(spend, budget=50).used_up_on) == (False, None)


def test_the_table_has_the_forecast_of_the_last_day_too() -> None:
    found = of(spend_of(10, 10), as_of=datetime(2026, 6, 30, 12, tzinfo=UTC))

    last = re.findall("<tr>.*?</tr>", budget_rows(found))[-1]

    assert len(found.expected) == 1
    assert len(re.findall(r">[0-9.]+</td>", last)) == 3
