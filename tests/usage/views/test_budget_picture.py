"""The picture of a budget, of the portal, a group, a person and a key; and the day in lists."""

import re
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Policy, User
from keys.models import Key, PersonBudget
from tests.keys.views.pages import words_of
from tests.usage.polling import make_key, make_team
from tests.usage.views.facts import day, key_of, settle, used
from usage.models import Fact, TokenRef, UsageState, utc_today
from usage.periods import budget_first_day
from usage.queries.budgets import days_of_person, forecast_of_key
from usage.queries.key_use import person_use
from usage.services.rollups import roll_up_reattributed
from usage.templatetags.usage_words import long_day


@pytest.fixture
def nearly(intern: User) -> Key:
    """Make a key whose budget is used up today: each day cost 10 USD, 6 are spent today, and 2 are left."""
    key = key_of(intern, budget_period="30d")
    first = used(key, "6")
    Fact.objects.bulk_create(
        Fact(day=day(ago), token_ref=first.token_ref, model=first.model, spend_usd=10) for ago in range(1, 21)
    )
    settle()
    this_month = 10 * min(20, utc_today().day - 1)
    Key.objects.filter(pk=key.pk).update(budget_usd=Decimal(this_month + 8))
    key.refresh_from_db()
    UsageState.objects.update(last_ok_at=datetime.combine(utc_today(), time(), UTC))  # the day is to come
    return key


def used_up(client: Client, address: str) -> bool:
    """Return whether a page says that a budget is used up today."""
    sentence = f"At this pace used up on {long_day(day(0))}."
    return sentence.replace("\xa0", " ") in words_of(client.get(address)).replace("\xa0", " ")


def test_the_page_of_a_key_draws_its_budget(as_intern: Client, as_staff: Client, nearly: Key) -> None:
    page = as_intern.get(f"/keys/{nearly.pk}/").content.decode()

    assert used_up(as_intern, f"/keys/{nearly.pk}/")
    assert [name for name in ("band", "spent", "line before", "line budget") if f'<path class="{name}"' in page] == [
        "band",
        "spent",
        "line before",
        "line budget",
    ]
    table = page[page.index("The budget as a table") :].partition("</table>")[0]
    assert len(re.findall("<tr><th", table)) >= utc_today().day
    assert as_staff.get(f"/keys/{nearly.pk}/").status_code == 404


def test_lists_and_pages_say_when_a_budget_will_be_used_up(
    as_intern: Client, as_admin: Client, nearly: Key, settings: Settings
) -> None:
    owner, budget_usd = nearly.owner, nearly.budget_usd
    PersonBudget.objects.create(
        owner=owner, budget_usd=budget_usd, budget_period="30d", state=PersonBudget.State.WRITTEN
    )
    group = Group.objects.get(name="Interns")
    Policy.objects.filter(group=group).update(group_budget_usd=budget_usd)
    settings.PORTAL_BUDGET_USD = budget_usd
    roll_up_reattributed()
    pages = ["/usage/everyone/", "/people/", "/people/keys/", "/people/groups/", f"/people/groups/{group.pk}/"]

    silent = [page for page in [*pages, f"/people/{owner.pk}/"] if not used_up(as_admin, page)]
    silent += [page for page in ["/usage/"] if not used_up(as_intern, page)]

    assert silent == []


def test_too_little_use_has_no_forecast(as_intern: Client, intern: User) -> None:
    key = key_of(intern, budget_usd=5, budget_period="30d")
    used(key, "4.5")

    text = words_of(as_intern.get(f"/keys/{key.pk}/"))

    assert "No forecast yet: it needs three days with use." in text
    assert "used up on" not in text
    key.budget_period = "1d"
    key.save()
    assert "Budget and forecast" not in words_of(as_intern.get(f"/keys/{key.pk}/"))


def test_numbers_of_last_week_are_no_forecast_of_this_one(intern: User) -> None:
    key = key_of(intern, budget_usd=10, budget_period="7d")
    used(key, "20", days_ago=7)
    UsageState.objects.update(last_ok_at=timezone.now() - timedelta(days=7))
    use = person_use(intern, utc_today(), by_day=True).by_key[key.pk]

    found = forecast_of_key(use, utc_today())

    assert found
    assert found.first_day == budget_first_day("7d", utc_today())
    assert found.spent_usd == 0
    assert not found.is_used_up


def test_a_key_counts_what_its_former_owner_spent_and_their_budgets_do_not(intern: User, staff: User) -> None:
    key = key_of(intern, budget_usd=10, budget_period="30d")
    used(key, "3")
    TokenRef.objects.create(token="former", key=key, owner=staff)
    used(key, "4", token="former")
    now = timezone.now()

    of_intern, of_staff = days_of_person(intern, now), days_of_person(staff, now)

    assert of_intern.by_key[key.pk] == {day(0): Decimal(7)}
    assert [of_intern.of_budget, of_staff.of_budget] == [{day(0): Decimal(3)}, {day(0): Decimal(4)}]


def test_keys_of_courses_count_in_no_budget_of_their_owner(staff: User) -> None:
    used(make_key(staff, "a" * 64, team=make_team(), kind=Key.Kind.COURSE))

    found = days_of_person(staff, timezone.now())

    assert (found.by_key, found.of_budget) == ({}, {})
