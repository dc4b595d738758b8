"""Periods in URLs, and those of budgets."""

from datetime import date

import pytest

from usage.periods import MAX_DAYS, Period, budget_first_day, budget_reset_day, period_of

TODAY = date(2026, 11, 21)  # a Saturday


def ends(params: dict[str, str], today: date = TODAY) -> tuple[date, date]:
    period = period_of(params, today)
    return period.first_day, period.last_day


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("today", TODAY),
        ("7d", date(2026, 11, 15)),
        ("30d", date(2026, 10, 23)),
        ("90d", date(2026, 8, 24)),
        ("month", date(2026, 11, 1)),
    ],
)
def test_ends_today(name: str, first: date) -> None:
    assert ends({"period": name}) == (first, TODAY)


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (TODAY, (date(2026, 10, 1), date(2026, 10, 31))),
        (date(2026, 1, 1), (date(2025, 12, 1), date(2025, 12, 31))),
        (date(2028, 3, 31), (date(2028, 2, 1), date(2028, 2, 29))),
    ],
)
def test_last_month_is_all_of_the_month_before(today: date, expected: tuple[date, date]) -> None:
    assert ends({"period": "last-month"}, today) == expected
    assert period_of({"period": "last-month"}, today).params() == {"period": "last-month"}


@pytest.mark.parametrize(
    ("name", "today", "expected", "before"),
    [
        ("yesterday", TODAY, ("2026-11-20", "2026-11-20"), ("2026-11-19", "2026-11-19")),
        ("week", TODAY, ("2026-11-16", "2026-11-21"), ("2026-11-09", "2026-11-14")),
        ("week", date(2026, 11, 16), ("2026-11-16", "2026-11-16"), ("2026-11-09", "2026-11-09")),
        ("last-week", TODAY, ("2026-11-09", "2026-11-15"), ("2026-11-02", "2026-11-08")),
        ("semester", TODAY, ("2026-09-01", "2026-11-21"), ("2026-02-01", "2026-04-23")),
        ("semester", date(2026, 2, 1), ("2026-02-01", "2026-02-01"), ("2025-09-01", "2025-09-01")),
        ("semester", date(2026, 1, 31), ("2025-09-01", "2026-01-31"), ("2025-02-01", "2025-07-03")),
        ("year", date(2028, 2, 29), ("2028-01-01", "2028-02-29"), ("2027-01-01", "2027-03-01")),
    ],
)
def test_the_other_periods_and_what_each_is_compared_with(
    name: str, today: date, expected: tuple[str, str], before: tuple[str, str]
) -> None:
    period = period_of({"period": name}, today)

    assert (period.first_day.isoformat(), period.last_day.isoformat()) == expected
    assert (period.previous().first_day.isoformat(), period.previous().last_day.isoformat()) == before
    assert period.params() == {"period": name}


def test_last_month_is_compared_with_the_whole_month_before_it() -> None:
    before = period_of({"period": "last-month"}, date(2026, 3, 5)).previous()

    assert (before.first_day, before.last_day) == (date(2026, 1, 1), date(2026, 1, 31))


@pytest.mark.parametrize("params", [{}, {"period": ""}, {"period": "1y"}, {"from": "soon"}, {"to": "2026-02-30"}])
def test_is_thirty_days_when_the_address_names_none_that_there_is(params: dict[str, str]) -> None:
    assert period_of(params, TODAY).name == "30d"


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2026-10-01", "2026-10-31", (date(2026, 10, 1), date(2026, 10, 31))),
        ("2026-10-31", "2026-10-01", (date(2026, 10, 1), date(2026, 10, 31))),
        ("2026-11-20", "", (date(2026, 11, 20), TODAY)),
        ("", "2026-11-20", (date(2026, 11, 20), TODAY)),
        ("2026-11-20", "2027-01-01", (date(2026, 11, 20), TODAY)),
        ("2027-01-01", "2027-02-01", (TODAY, TODAY)),
        ("0001-01-01", "2026-11-20", (date(2026, 11, 20), TODAY)),
    ],
)
def test_takes_days_of_ones_own_choice(first: str, last: str, expected: tuple[date, date]) -> None:
    assert ends({"from": first, "to": last, "period": "7d"}) == expected


def test_is_never_longer_than_pages_can_bear() -> None:
    assert period_of({"from": "2001-01-01"}, TODAY).length == MAX_DAYS


def test_has_every_day_once_oldest_first() -> None:
    days = period_of({"period": "7d"}, TODAY).days()

    assert days == [date(2026, 11, day) for day in range(15, 22)]


def test_is_compared_with_as_many_days_just_before() -> None:
    before = period_of({"period": "7d"}, TODAY).previous()

    assert (before.first_day, before.last_day) == (date(2026, 11, 8), date(2026, 11, 14))


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (TODAY, (date(2026, 10, 1), date(2026, 10, 21))),
        (date(2026, 3, 31), (date(2026, 2, 1), date(2026, 2, 28))),  # February has no 31st
        (date(2026, 1, 1), (date(2025, 12, 1), date(2025, 12, 1))),
    ],
)
def test_a_month_so_far_is_compared_with_as_much_of_the_month_before(today: date, expected: tuple[date, date]) -> None:
    before = period_of({"period": "month"}, today).previous()

    assert (before.first_day, before.last_day) == expected


@pytest.mark.parametrize("params", [{}, {"period": "month"}, {"from": "2026-10-01", "to": "2026-10-31"}])
def test_comes_back_out_of_its_own_address(params: dict[str, str]) -> None:
    period = period_of(params, TODAY)

    assert period.params() == params
    assert period_of(period.params(), TODAY) == period


@pytest.mark.parametrize(
    ("budget_period", "today", "first", "reset"),
    [
        ("1d", TODAY, TODAY, date(2026, 11, 22)),
        ("7d", TODAY, date(2026, 11, 16), date(2026, 11, 23)),
        ("7d", date(2026, 11, 23), date(2026, 11, 23), date(2026, 11, 30)),
        ("30d", TODAY, date(2026, 11, 1), date(2026, 12, 1)),
        ("30d", date(2026, 12, 31), date(2026, 12, 1), date(2027, 1, 1)),
        ("14d", TODAY, None, None),
        ("", TODAY, None, None),
    ],
)
def test_a_budget_starts_and_resets_as_the_gateway_does_it(
    budget_period: str, today: date, first: date | None, reset: date | None
) -> None:
    assert budget_first_day(budget_period, today) == first
    assert budget_reset_day(budget_period, today) == reset


def test_one_day_is_a_period() -> None:
    assert Period("", TODAY, TODAY).days() == [TODAY]
