"""My interns: the keys of a supervisor's interns, and their spend."""

from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from keys.models import Intern, Key
from tests.factories import make_staff
from tests.keys.views.pages import assert_form, words_of
from tests.usage.views.facts import key_of, used

INTERNS = "/usage/interns/"


def test_without_interns_it_says_how_to_name_one(as_staff: Client, way: dict[str, str]) -> None:
    response = as_staff.get(INTERNS, headers=way)

    assert_form(response, way, "usage-panel")
    assert "you can name the intern who uses it" in words_of(response)


def test_lists_each_interns_keys_with_spend_budget_and_last_use(as_staff: Client, staff: User) -> None:
    used(key_of(staff, "captions", intern_name="Intern C", budget_usd=5, budget_period="30d"), "2.25")
    key_of(staff, "unused", intern_name="Intern A")
    used(key_of(staff, "own work"), "64")

    text = words_of(as_staff.get(INTERNS, {"period": "7d"}))

    assert text.index("Intern A") < text.index("Intern C")
    assert "Intern A unused 0.00 0 none never" in text
    assert "Intern C captions 2.25 of 5.00 USD used" in text  # on a phone, which has no column for it
    assert "2.25 1 2.25 of 5.00 USD used" in text
    assert "today" in text
    assert "64.00" not in text


def test_names_an_intern_once_above_their_keys_and_sorts_names_as_people_do(as_staff: Client, staff: User) -> None:
    for name in ("Zoë", "élodie", "Farid"):
        Intern.objects.create(supervisor=staff, name=name)
    key_of(staff, "first", intern_name="Zoë")
    key_of(staff, "second", intern_name="Zoë")

    text = words_of(as_staff.get(INTERNS))

    assert "élodie no key Farid no key Zoë second" in text
    assert text.count("Zoë") == 1


def test_shows_nobody_elses_interns(as_staff: Client, staff: User) -> None:
    used(key_of(make_staff("stranger"), "a stranger’s", intern_name="Intern Z"))
    key_of(staff, "mine", intern_name="Intern A")

    text = words_of(as_staff.get(INTERNS))

    assert "Intern Z" not in text
    assert "a stranger’s" not in text


def test_keeps_keys_that_ended(as_staff: Client, staff: User) -> None:
    used(key_of(staff, "over", intern_name="Intern A", state=Key.State.DELETED), "1")

    assert "over ended 1.00" in words_of(as_staff.get(INTERNS))


def test_costs_few_queries(
    as_staff: Client, staff: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(9):
        used(key_of(staff, f"key {number}", intern_name=f"Intern {number}"))
    as_staff.get(INTERNS)

    with django_assert_max_num_queries(9):  # one of them is the cache, which is in the database here
        as_staff.get(INTERNS)
