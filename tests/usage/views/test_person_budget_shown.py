"""The rest of a person's budget comes before that of their keys, with its reset and what happens at zero."""

from decimal import Decimal

import pytest
from django.test import Client
from django.utils import translation

from accounts.models import User
from keys.models import Key, PersonBudget
from tests.keys.views.pages import words_of
from tests.usage.views.facts import key_of, used
from usage.models import utc_today
from usage.periods import budget_reset_day
from web.templatetags.portal import day

PAGES = ("/", "/usage/")


def budget_of(person: User, usd: str = "6", period: str = "30d", state: str = "written") -> str:
    """Give the person a budget; return the day on which it resets, as pages have it."""
    PersonBudget.objects.create(owner=person, budget_usd=Decimal(usd), budget_period=period, state=state)
    with translation.override("en"):
        return " ".join(day(budget_reset_day(period, utc_today())).split())


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("period", ["1d", "7d", "30d"])
def test_the_budget_of_the_person_comes_before_that_of_a_key(
    as_intern: Client, intern: User, page: str, period: str
) -> None:
    spender = key_of(intern, "spender", budget_usd=5, budget_period="30d")
    key_of(intern, "idle", budget_usd=5, budget_period="30d")
    resets = budget_of(intern, period=period)
    used(spender, "1.5")
    Key.objects.filter(pk=spender.pk).update(state=Key.State.DELETED)  # what it spent still counts

    words = words_of(as_intern.get(page))

    assert "4.50 of 6.00 USD left" in words
    assert f"It resets on {resets} (UTC); if it is used up before, all your keys pause until then." in words
    assert words.index("4.50 of 6.00 USD left") < words.index("idle")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("usd", "sentence"),
    [
        ("4.80", "Nearly used. Once it is used up, all your keys pause until {day} (UTC)."),
        ("6", "Used up. All your keys pause until {day} (UTC)."),
        ("7.77", "Used up. All your keys pause until {day} (UTC)."),
    ],
)
def test_says_what_happens_at_zero(as_intern: Client, intern: User, page: str, usd: str, sentence: str) -> None:
    resets = budget_of(intern)
    used(key_of(intern), usd)

    words = words_of(as_intern.get(page))

    assert sentence.format(day=resets) in words
    assert ("0.00 of 6.00 USD left" in words) == sentence.startswith("Used up")
    assert "Your other keys still work" not in words


@pytest.mark.parametrize("page", PAGES)
def test_keys_made_outside_and_other_people_do_not_count(
    as_intern: Client, intern: User, staff: User, page: str
) -> None:
    budget_of(intern)
    used(key_of(intern), "1")
    used(key_of(intern, "elsewhere", kind=Key.Kind.EXTERNAL), "2")
    used(key_of(staff, "of another"), "3")

    assert "5.00 of 6.00 USD left" in words_of(as_intern.get(page))


@pytest.mark.parametrize("page", PAGES)
def test_a_ceiling_that_the_portal_keeps_may_be_late(as_intern: Client, intern: User, page: str) -> None:
    late = "The portal checks this budget itself, so it may act a minute late."
    used(key_of(intern), "1")
    budget_of(intern, state="no_teams")
    assert late in words_of(as_intern.get(page))

    PersonBudget.objects.update(state="written")
    assert late not in words_of(as_intern.get(page))


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_left_to_say_without_a_budget(as_intern: Client, intern: User, page: str) -> None:
    used(key_of(intern), "1")
    PersonBudget.objects.create(owner=intern, state="written")

    assert "for all keys together" not in words_of(as_intern.get(page))


def test_is_said_in_french(as_intern: Client, intern: User) -> None:
    budget_of(intern)
    used(key_of(intern), "6")

    page = as_intern.get("/", headers={"accept-language": "fr"})

    assert "Épuisé. Toutes vos clés sont en pause jusqu’au" in words_of(page)
