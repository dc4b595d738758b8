"""Everyone: filters, totals, the month, the year, top lists, the table of people."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from keys.models import Key
from tests.conftest import HTMX
from tests.factories import make_intern, make_user
from tests.keys.views.pages import assert_form, words_of
from tests.usage.views.facts import day, key_of, used
from usage.models import Notice, UsageState

EVERYONE = "/usage/everyone/"
PEOPLE_PAGE = 25


def words(client: Client, **params: Any) -> str:
    response = client.get(EVERYONE, params)
    assert response.status_code == 200
    return words_of(response)


def people_of(client: Client, **params: Any) -> list[str]:
    """Return the names in the table of people, in their order."""
    page = client.get(EVERYONE, params).content.decode()
    table = page[page.index('aria-label="People, table"') :]
    return re.findall(r'<th scope="row"><a [^>]*><bdi>([^<]*)</bdi>', table)


@pytest.fixture
def three(db: None) -> list[User]:
    """Make three people who spent 1, 2 and 4 USD, with fewer requests the more they spent."""
    people = [make_intern(f"person-{name}", first_name=f"Person {name}") for name in "abc"]
    for number, person in enumerate(people):
        used(key_of(person, f"key {number}"), str(2**number), ok_requests=9 - number, days_ago=number)
    return people


def test_without_any_use_it_says_so(as_admin: Client, way: dict[str, str]) -> None:
    response = as_admin.get(EVERYONE, headers=way)

    assert_form(response, way, "usage-panel")
    assert "No numbers yet" in words_of(response)


def test_shows_totals_and_a_line_for_each_key_with_its_owner(
    as_admin: Client, three: list[User], way: dict[str, str]
) -> None:
    response = as_admin.get(EVERYONE, headers=way)

    assert_form(response, way, "usage-panel")
    text = words_of(response)
    assert "Spend 7.00 USD" in text
    assert "People 3 all who have a key used it" in text
    assert "key 2 Person c 4.00" in words(as_admin, split="key")


def test_combines_filters_and_has_them_in_its_address(as_admin: Client, three: list[User]) -> None:
    used(key_of(three[0], "play", kind=Key.Kind.PLAYGROUND), "8", model="claude-3-haiku")
    filters = {"person": "person-a", "kind": "playground", "provider": "anthropic", "period": "7d"}

    page = as_admin.get(EVERYONE, filters).content.decode()

    assert "8.00" in page
    for chip in ("Person: <bdi>Person a", "Kind of key: <bdi>Playground", "Provider: <bdi>anthropic"):
        assert chip in page
    assert 'href="/usage/everyone/?person=person-a&amp;kind=playground&amp;period=7d"' in page  # without the provider
    assert 'name="person" value="person-a"' in page
    assert '<option value="playground" selected>' in page


def test_keeps_empty_fields_out_of_the_address(as_admin: Client, three: list[User]) -> None:
    response = as_admin.get(EVERYONE, {"person": "person-a", "group": "", "model": ""}, headers=HTMX)

    assert response["HX-Push-Url"] == "/usage/everyone/?person=person-a"
    assert as_admin.get(EVERYONE, {"group": ""}, headers=HTMX)["HX-Push-Url"] == EVERYONE


@pytest.mark.parametrize("filters", [{"person": "nobody"}, {"model": "none"}, {"kind": "external"}])
def test_says_when_filters_leave_nothing(as_admin: Client, three: list[User], filters: dict[str, str]) -> None:
    assert "Nothing with these filters" in words(as_admin, **filters)


def test_unattributed_usage_has_a_row(as_admin: Client, three: list[User]) -> None:
    used(None, "16")

    assert people_of(as_admin)[0] == "Unattributed"
    text = words(as_admin, person="(unattributed)", split="key")
    assert "Person: Unattributed" in text
    assert "Spend 16.00 USD" in text
    assert "from elsewhere key not known" in text


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("-spend", "cba"),
        ("spend", "abc"),
        ("-requests", "abc"),
        ("person", "abc"),
        ("-last", "abc"),
        ("nonsense", "cba"),
        ("", "cba"),
    ],
)
def test_sorts_people(as_admin: Client, three: list[User], order: str, expected: str) -> None:
    assert people_of(as_admin, order=order) == [f"Person {name}" for name in expected]


def test_shows_the_sorted_column_and_reverses_it(as_admin: Client, three: list[User]) -> None:
    page = as_admin.get(EVERYONE, {"order": "-requests"}).content.decode()

    assert re.findall(r'aria-sort="(\w+)"><a [^>]*id="usage-sort-(\w+)"', page) == [("descending", "requests")]
    assert 'id="usage-sort-requests" href="/usage/everyone/?order=requests"' in page
    assert 'id="usage-sort-person" href="/usage/everyone/?order=person"' in page


def test_people_are_paged_on_the_server(as_admin: Client, db: None) -> None:
    for number in range(PEOPLE_PAGE + 2):
        used(key_of(make_user(f"p{number:02}")), str(100 - number))

    first, second = people_of(as_admin), people_of(as_admin, page=2, order="-spend")

    assert len(first) == PEOPLE_PAGE
    assert second == ["p25", "p26"]
    assert people_of(as_admin, page="9" * 5000) == first
    assert "26 to 27 of 27" in words(as_admin, page=99)


def test_shows_groups_live_keys_and_frequent_failures(as_admin: Client, intern: User) -> None:
    used(key_of(intern), "1", ok_requests=80, failed_requests=20, days_ago=2)
    key_of(intern, "another")
    key_of(intern, "gone", state=Key.State.DELETED)

    page = as_admin.get(EVERYONE).content.decode()

    assert "Interns 1.00 100 20.0 % 2 2 days ago" in words_of(as_admin.get(EVERYONE))
    assert re.search(r'ps-state is-warn">.*?20.0\u00a0%', page, re.DOTALL)


def test_few_failures_are_no_alarm(as_admin: Client, intern: User) -> None:
    used(key_of(intern), "1", ok_requests=1, failed_requests=1)

    assert "ps-state is-warn" not in as_admin.get(EVERYONE).content.decode()


def test_draws_a_year_and_says_the_number_of_each_day(as_admin: Client, three: list[User]) -> None:
    page = as_admin.get(EVERYONE).content.decode()

    assert len(re.findall(r'<rect class="q[0-4]', page)) == 53 * 7 - 6 + day(0).weekday()
    assert page.count(' today"') == 1
    assert re.search(r'class="q4"[^>]*><title>[^<]*: 4.00\u00a0USD', page)


def test_shows_the_forecast_of_the_month(as_admin: Client, three: list[User], settings: Settings) -> None:
    settings.PORTAL_BUDGET_USD = Decimal(800)
    UsageState.objects.update(last_ok_at=timezone.now())

    text = words(as_admin)

    assert "of 800.00 USD" in text
    assert "Forecast at this pace" in text
    assert "below budget" in text


def test_says_that_the_month_will_be_over_budget(as_admin: Client, three: list[User], settings: Settings) -> None:
    settings.PORTAL_BUDGET_USD = Decimal("0.5")

    assert re.search(r"Used up on \d+ \w+\.", words(as_admin))


def test_a_month_without_budget_shows_only_the_forecast(
    as_admin: Client, three: list[User], settings: Settings
) -> None:
    settings.PORTAL_BUDGET_USD = None

    text = words(as_admin)

    assert "so far" in text
    assert "budget" not in text[text.index("so far") : text.index("Spend per day")]


def test_the_month_ignores_the_filters(as_admin: Client, three: list[User], settings: Settings) -> None:
    settings.PORTAL_BUDGET_USD = Decimal(800)

    month = re.search(r"\S+: \S+ of 800.00 USD", words(as_admin))
    narrowed = words(as_admin, person="person-a")

    assert month
    assert month[0] in narrowed
    assert "Of all people, whatever the filters." in narrowed


def test_numbers_of_last_month_do_not_count_in_this_one(as_admin: Client, three: list[User]) -> None:
    UsageState.objects.update(last_ok_at=timezone.now().replace(year=2020))

    assert "Forecast at this pace" in words(as_admin)


def test_shows_admins_the_budget_of_the_portal(as_admin: Client, admin: User) -> None:
    about = {"person": admin, "period_first_day": day(0), "spent_usd": 640, "budget_usd": 800}
    Notice.objects.create(threshold=80, **about)

    assert "80 % of the portal’s monthly budget is spent: 640.00 of 800.00 USD." in words(as_admin)


@pytest.mark.parametrize(
    ("typed", "expected"), [("pers", 3), ("person-b", 1), ("PERSON C", 1), ("zzz", 0), ("\0", 4), ("%", 0)]
)
def test_suggests_people_while_typing(as_admin: Client, three: list[User], typed: str, expected: int) -> None:
    page = as_admin.get("/usage/everyone/suggest/people/", {"person": typed}).content.decode()

    assert page.count("<option") == expected
    if expected == 1:
        assert re.search(r'<option value="person-\w">Person \w</option>', page)


def test_suggests_labels_once_each(as_admin: Client, three: list[User]) -> None:
    for person in three:
        key_of(person, "same label")

    page = as_admin.get("/usage/everyone/suggest/keys/", {"key": "same"}).content.decode()

    assert re.findall(r'value="([^"]*)"', page) == ["same label"]


def test_the_same_queries_with_many_facts_and_few_when_warm(
    as_admin: Client, three: list[User], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with CaptureQueriesContext(connection) as few:
        as_admin.get(EVERYONE)
    for person in three:
        for number in range(10):
            used(key_of(person, f"more {number}"), days_ago=number, model=f"model {number}")
    with CaptureQueriesContext(connection) as many:
        as_admin.get(EVERYONE)

    assert len(many) <= len(few)
    with django_assert_max_num_queries(8):
        as_admin.get(EVERYONE)
