"""On My keys, each key has its thirty days, its budget and its last use."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from tests.conftest import HTMX
from tests.keys.views.pages import words_of
from tests.usage.views.facts import day, key_of, settle, used
from usage.models import Notice


def test_draws_thirty_days_of_each_key(as_intern: Client, intern: User) -> None:
    key = key_of(intern)
    used(key, "4", days_ago=1)
    used(key, "1", days_ago=29)
    used(key, "9", days_ago=30)

    page = as_intern.get("/").content.decode()

    drawing = page[page.index("ps-spark") : page.index("</svg>", page.index("ps-spark"))]
    assert re.findall(r'x="(\d+)" y="(\d+)" width="3" height="(\d+)"', drawing) == [
        ("0", "20", "6"),
        ("112", "0", "26"),
    ]
    assert "5.00 USD" in words_of(as_intern.get("/"))


def test_shows_spend_last_use_and_freshness(as_intern: Client, intern: User) -> None:
    used(key_of(intern), "2.5", days_ago=1)
    key_of(intern, "unused")

    text = words_of(as_intern.get("/"))

    assert "30 days: 2.50 USD" in text
    assert "Last use: yesterday" in text
    assert "Last use: never" in text
    assert "Spend as of" in text
    assert "just now" in text


@pytest.mark.parametrize(
    ("usd", "tone", "words"),
    [("1", "", "resets "), ("4", " is-warn", "nearly used, resets "), ("5", " is-bad", "used up, pauses until ")],
)
def test_shows_the_budget_as_a_bar_with_words(as_intern: Client, intern: User, usd: str, tone: str, words: str) -> None:
    used(key_of(intern, budget_usd=5, budget_period="30d"), usd)

    page = as_intern.get("/").content.decode()

    assert f'class="ps-bar{tone}"' in page
    assert words in page


def test_a_budget_of_a_period_that_we_do_not_know_has_no_bar(as_intern: Client, intern: User) -> None:
    used(key_of(intern, budget_usd=5, budget_period="14d"), "1")

    assert "<progress" not in as_intern.get("/").content.decode()


def test_shows_a_notice_until_it_is_dismissed(as_intern: Client, intern: User) -> None:
    key = key_of(intern, budget_usd=5, budget_period="30d")
    used(key, "4.5")
    about = {"person": intern, "key": key, "threshold": 80, "period_first_day": day(0)}
    notice = Notice.objects.create(spent_usd=4, budget_usd=5, **about)
    assert "Once the budget is used up, the key pauses until" in words_of(as_intern.get("/"))

    as_intern.post("/usage/notices/seen/", {"notice": notice.pk, "next": "/"})

    assert "Once the budget is used up, the key pauses until" not in words_of(as_intern.get("/"))


def test_is_part_of_the_swapped_region(as_intern: Client, intern: User) -> None:
    used(key_of(intern))

    assert "ps-spark" in as_intern.get("/", headers=HTMX).content.decode()


def test_costs_two_queries_more_for_all_keys(
    as_staff: Client, staff: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(9):
        used(key_of(staff, f"key {number}", budget_usd=5, budget_period="30d"), days_ago=number)

    with django_assert_max_num_queries(8):  # one of them for the interns whom the form offers
        as_staff.get("/")


def test_without_any_poll_it_says_nothing_of_freshness(as_intern: Client, intern: User) -> None:
    key_of(intern)

    assert "Spend as of" not in words_of(as_intern.get("/"))
    settle()
    assert "Spend as of" in words_of(as_intern.get("/"))


def test_the_page_of_a_key_leads_to_its_usage(as_intern: Client, intern: User) -> None:
    key = key_of(intern)
    used(key, "2.5")
    used(key_of(intern, "other"), "64")
    address = f"/usage/?key={key.pk}"
    assert f'href="{address}"' in as_intern.get(f"/keys/{key.pk}/").content.decode()

    assert "Spend 2.50 USD" in words_of(as_intern.get(address))
