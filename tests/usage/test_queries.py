"""Numbers from facts: totals, days, models, keys, people, a year, a month, budgets."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from keys.models import Key
from tests.factories import make_intern, make_staff, make_user
from tests.usage.views.facts import day, key_of, used
from usage.models import UsageState, utc_today
from usage.periods import Period, named, period_of
from usage.queries.cached import everyone_of, overview_of, warm
from usage.queries.export import fact_rows
from usage.queries.overview import Overview, overview
from usage.queries.people import PEOPLE_PER_PAGE, in_order, page_of, people_of
from usage.queries.scope import UNATTRIBUTED, Scope, scope_of
from usage.queries.year import year


def read(scope: Scope | None = None, period: str = "30d") -> Overview:
    return overview((scope or Scope()).filtered(), named(period, utc_today()))


def usd(*amounts: int) -> tuple[Decimal, ...]:
    return tuple(Decimal(amount) for amount in amounts)


def spend(numbers: Overview) -> dict[str, Decimal]:
    return {share.label: share.sums.spend_usd for share in numbers.keys}


# --- Overview ---------------------------------------------------------------------------------------
def test_adds_up_exactly(intern: User) -> None:
    key = key_of(intern)
    for usd, model in (("0.1", "a"), ("0.2", "b"), ("0.000000000001", "c")):
        used(key, usd, model=model, failed_requests=1)

    totals = read().totals

    assert totals.spend_usd == Decimal("0.300000000001")
    assert (totals.requests, totals.failed_requests, totals.prompt_tokens, totals.completion_tokens) == (6, 3, 300, 30)
    assert totals.response_s == 0.5
    assert totals.failed_share == 0.5


def test_has_every_day_also_those_without_spend(intern: User) -> None:
    used(key_of(intern), "2", days_ago=3)

    days = read(period="7d").days

    assert [each.day for each in days] == [day(ago) for ago in range(6, -1, -1)]
    assert [each.spend_usd for each in days] == [0, 0, 0, 2, 0, 0, 0]


def test_compares_with_the_period_before_and_with_nothing_else(intern: User) -> None:
    key = key_of(intern)
    for days_ago, usd in ((0, "1"), (6, "2"), (7, "10"), (13, "20"), (14, "100")):
        used(key, usd, days_ago=days_ago)

    numbers = read(period="7d")

    assert numbers.totals.spend_usd == 3
    assert numbers.before.spend_usd == 30
    assert numbers.change_usd == -27


def test_has_five_models_and_puts_the_rest_together(intern: User) -> None:
    key = key_of(intern)
    for number in range(1, 8):
        used(key, str(number), model=f"model-{number}")

    numbers = read(period="today")

    assert numbers.series == ("model-7", "model-6", "model-5", "model-4", "model-3", None)
    assert numbers.days[0].parts_usd == usd(7, 6, 5, 4, 3, 3)
    assert numbers.series_sums == usd(7, 6, 5, 4, 3, 3)


def test_a_key_is_one_line_over_all_its_tokens(intern: User) -> None:
    key = key_of(intern)
    used(key, "1", token="the one before")
    used(key, "2", days_ago=2)

    (line,) = read().keys

    assert (line.label, line.value, line.sums.spend_usd, line.last_day) == ("thesis", str(key.pk), Decimal(3), day(0))


def test_a_token_without_a_key_is_a_line_of_its_own(intern: User) -> None:
    used(None, "1", token="one")
    used(None, "2", token="two")

    lines = read().keys

    assert [(line.known, line.sums.spend_usd) for line in lines] == [(False, Decimal(2)), (False, Decimal(1))]
    assert lines[0].value.startswith("@")


def test_a_key_that_was_deleted_keeps_its_line_and_says_when(intern: User) -> None:
    key = key_of(intern, state=Key.State.DELETED, ended_at=timezone.now() - timedelta(days=3))
    used(key, days_ago=4)

    assert read().keys[0].ended_on == day(3)


def test_costs_the_same_queries_with_many_facts(intern: User) -> None:
    used(key_of(intern))
    with CaptureQueriesContext(connection) as few:
        read()
    for number in range(8):
        used(key_of(intern, f"key {number}"), days_ago=number, model=f"model {number}")
    with CaptureQueriesContext(connection) as many:
        read()

    assert len(few) == len(many) == 3


# --- Scopes -----------------------------------------------------------------------------------------
@pytest.fixture
def busy(db: None) -> dict[str, Any]:
    """Make people who used this and that: each amount is a power of two, so that a sum tells its parts."""
    ada = make_staff("ada", first_name="Ada", last_name="Keys")
    bob = make_intern("bob", first_name="Bob")
    keys = {
        "own": key_of(ada, "own work", kind=Key.Kind.PERSONAL),
        "named": key_of(ada, "for intern", intern_name="Intern A"),
        "bobs": key_of(bob, "thesis work"),
        "play": key_of(bob, "Playground", kind=Key.Kind.PLAYGROUND),
    }
    used(keys["own"], "1")
    used(keys["own"], "2", model="claude-3-haiku")
    used(keys["named"], "4", days_ago=1)
    used(keys["bobs"], "8", model="claude-3-haiku")
    used(keys["play"], "16")
    used(None, "32")
    return {"ada": ada, "bob": bob, **keys}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, 63),
        ({"person": "ada"}, 7),
        ({"person": "ADA"}, 7),
        ({"person": "keys ada"}, 7),
        ({"person": "a"}, 7 + 24),  # in both addresses: example
        ({"person": "nobody there"}, 0),
        ({"person": UNATTRIBUTED}, 32),
        ({"group": "Staff"}, 7),
        ({"group": "Interns"}, 24),
        ({"model": "claude-3-haiku"}, 10),
        ({"provider": "openai"}, 53),
        ({"key": "work"}, 11),
        ({"key": "elsewhere"}, 32),
        ({"kind": "playground"}, 16),
        ({"kind": "personal,temporary"}, 15),
        ({"kind": "no such kind"}, 63),
        ({"person": "ada", "model": "claude-3-haiku"}, 2),
        ({"group": "Interns", "kind": "temporary", "provider": "anthropic"}, 8),
        ({"person": "ada", "group": "Interns"}, 0),
        ({"person": "a\0da", "model": "%"}, 0),
    ],
)
def test_narrows_every_number_alike(busy: dict[str, Any], filters: dict[str, str], expected: int) -> None:
    scope = scope_of(filters)
    period = named("30d", utc_today())

    numbers = overview(scope.filtered(), period)

    assert numbers.totals.spend_usd == expected
    assert sum(share.sums.spend_usd for share in numbers.keys) == expected
    assert sum(sums.spend_usd for sums, _ in numbers.people.values()) == expected
    assert sum(each.spend_usd for each in numbers.days) == expected
    assert year(scope.filtered(), utc_today()).total_usd == expected
    assert sum(row[8] for row in fact_rows(scope, period)) == expected


def test_narrows_to_one_key_by_its_id(busy: dict[str, Any]) -> None:
    assert read(scope_of({"key": str(busy["bobs"].pk)})).totals.spend_usd == 8


def test_narrows_to_a_token_without_a_key(busy: dict[str, Any]) -> None:
    value = read(scope_of({"person": UNATTRIBUTED})).keys[0].value

    assert read(scope_of({"key": value})).totals.spend_usd == 32


def test_never_leaves_the_keys_of_the_person(busy: dict[str, Any]) -> None:
    mine = scope_of({"key": str(busy["bobs"].pk)}, owner_id=busy["ada"].pk)

    assert read(mine).totals.requests == 0
    assert read(scope_of({}, owner_id=busy["ada"].pk)).totals.spend_usd == 7


def test_interns_are_those_that_the_persons_keys_name(busy: dict[str, Any]) -> None:
    assert spend(read(scope_of({}, owner_id=busy["ada"].pk, interns_only=True))) == {"for intern": 4}
    assert spend(read(scope_of({}, owner_id=busy["bob"].pk, interns_only=True))) == {}


# --- People -----------------------------------------------------------------------------------------
def test_shows_people_with_their_groups_keys_and_last_use(busy: dict[str, Any]) -> None:
    people = people_of(read().people, Scope())

    assert [(each.value, each.sums.spend_usd, each.live_keys) for each in people] == [
        (UNATTRIBUTED, Decimal(32), 0),
        ("bob", Decimal(24), 2),
        ("ada", Decimal(7), 2),
    ]
    assert people[2].name == "Ada Keys"
    assert people[2].groups == ("Staff",)
    assert people[2].last_day == day(0)


@pytest.mark.parametrize(
    ("order", "first"),
    [("person", "ada"), ("-person", UNATTRIBUTED), ("spend", "ada"), ("-keys", "ada"), ("requests", UNATTRIBUTED)],
)
def test_puts_people_in_order(busy: dict[str, Any], order: str, first: str) -> None:
    assert in_order(people_of(read().people, Scope()), order)[0].value == first


@pytest.mark.parametrize("filters", [{}, {"group": "Staff"}, {"person": UNATTRIBUTED}, {"kind": "temporary"}])
def test_a_page_of_people_equals_that_part_of_all(busy: dict[str, Any], filters: dict[str, str]) -> None:
    for number in range(2 * PEOPLE_PER_PAGE):  # most have a key and no use: equal, and on two pages
        key_of(make_user(f"idle-{number:02}", groups=("Staff",) if number % 2 else ()))
    scope, period = scope_of(filters), named("30d", utc_today())
    everyone = people_of(read(scope).people, scope)

    for order in ("person", "-person", *(f"{sign}{name}" for name in ("spend", "keys", "last") for sign in ("", "-"))):
        pages = [page_of(scope, period, order, number) for number in (1, 2, 3)]
        shown = [person for page in pages[: pages[-1].number] for person in page.people]
        assert shown == in_order(everyone, order)
        assert pages[0].used == sum(each.used_something and each.pk is not None for each in everyone)
        assert pages[0].idle == sum(not each.used_something for each in everyone)


# --- A year, a month --------------------------------------------------------------------------------
def test_a_year_is_whole_weeks_that_end_today(intern: User) -> None:
    used(key_of(intern), "3", days_ago=1)

    days = year(Scope().filtered(), utc_today())

    assert days.first_day.weekday() == 0
    assert days.day(len(days.spend_usd) - 1) == utc_today()
    assert 53 * 7 - 6 <= len(days.spend_usd) <= 53 * 7
    assert days.most == (day(1), Decimal(3))
    assert days.levels()[-2:] == [4, 0]


def test_a_year_has_four_steps_of_spend(intern: User) -> None:
    key = key_of(intern)
    for number in range(8):
        used(key, str(number + 1), days_ago=number)

    assert year(Scope().filtered(), utc_today()).levels()[-8:] == [4, 4, 3, 3, 2, 2, 1, 1]


# --- Kept numbers -------------------------------------------------------------------------------------
def test_keeps_numbers_until_a_fact_changes(intern: User) -> None:
    key = key_of(intern)
    used(key, "1")
    scope, period = Scope(), named("30d", utc_today())
    assert overview_of(scope, period, UsageState.load()).totals.spend_usd == 1

    with CaptureQueriesContext(connection) as queries:
        kept = overview_of(scope, period, UsageState.load())
    assert kept.totals.spend_usd == 1
    assert not [query for query in queries if "usage_day" in query["sql"]]

    used(key, "2", days_ago=1)
    assert overview_of(scope, period, UsageState.load()).totals.spend_usd == 3


def test_keeps_scopes_and_periods_apart(busy: dict[str, Any]) -> None:
    state = UsageState.load()
    today = utc_today()

    counts = [
        overview_of(scope, period, state).totals.spend_usd
        for scope in (Scope(), Scope(owner_id=busy["ada"].pk), Scope(owner_id=busy["ada"].pk, interns_only=True))
        for period in (named("30d", today), named("today", today))
    ]

    assert counts == [63, 59, 7, 3, 4, 0]


def test_warms_what_admins_open_first(busy: dict[str, Any], admin: User) -> None:
    warm()

    with CaptureQueriesContext(connection) as queries:
        everyone_of(Scope(), period_of({}, utc_today()), UsageState.load())
    assert not [query for query in queries if "usage_day" in query["sql"] or "usage_fact" in query["sql"]]


def test_offers_what_filters_can_choose(busy: dict[str, Any]) -> None:
    make_user("keyless")

    choices = everyone_of(Scope(), named("30d", utc_today()), UsageState.load()).choices

    assert choices.models == ("claude-3-haiku", "gpt-4o-mini")
    assert choices.providers == ("anthropic", "openai")
    assert {"Interns", "Staff"} <= set(choices.groups)


def test_reads_facts_in_order_a_few_at_a_time(busy: dict[str, Any]) -> None:
    cache.clear()

    rows = list(fact_rows(Scope(), Period("", day(1), day(0))))

    assert [row[0] for row in rows] == [day(1), *[day(0)] * 5]
    assert rows[0][1:4] == ("ada", "for intern", busy["named"].pk)
