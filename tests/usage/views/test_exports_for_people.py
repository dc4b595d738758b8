"""Files for people: a spreadsheet opens them correctly by a double click, in the reader's language."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import make_staff
from tests.french.conftest import in_french
from tests.usage.views.facts import day, file_of, key_of, used
from web.spreadsheet import cell_text

PEOPLE = {"for": "people"}
FILES = {
    "usage:csv": "usage.csv",
    "usage:facts_csv": "facts.csv",
    "usage:interns_csv": "interns.csv",
    "usage:interns_facts_csv": "interns-facts.csv",
    "usage:everyone_csv": "everyone.csv",
    "usage:everyone_facts_csv": "everyone-facts.csv",
    "usage:people_csv": "people.csv",
}


def french_table(response: Any) -> list[dict[str, str]]:
    """Return the rows of a file in French."""
    return list(csv.DictReader(io.StringIO(file_of(response).removeprefix("\ufeff")), delimiter=";"))


@pytest.fixture
def busy(admin: User) -> User:
    for number, usd in enumerate(("0.000000000001", "1234567.25", "-1.5")):
        used(key_of(admin, f"mémoire {number}", intern_name="Zoé Éluard"), usd, response_ms=1234)
    return admin


@pytest.mark.parametrize("route", FILES)
def test_french_files_have_a_mark_semicolons_and_commas(busy: User, route: str) -> None:
    text = file_of(in_french(busy).get(reverse(route), PEOPLE))

    assert text.startswith("\ufeff")
    assert "1234567,25" in text or "1234565,75" in text
    assert "1,234" in text or "1234" in text
    assert "spend_usd" not in text
    assert "Dépenses (USD)" in text


@pytest.mark.parametrize("route", FILES)
def test_english_files_have_a_mark_and_points(busy: User, route: str) -> None:
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(busy)

    text = file_of(browser.get(reverse(route), PEOPLE))

    assert text.startswith("\ufeff")
    assert "Spend (USD)" in text
    assert "1234567.25" in text or "1234565.75" in text


@pytest.mark.parametrize("route", FILES)
def test_files_for_programs_stay_plain(busy: User, route: str) -> None:
    text = file_of(in_french(busy).get(reverse(route)))

    assert not text.startswith("\ufeff")
    assert "spend_usd" in text.splitlines()[0]
    assert "1234567.25" in text or "1234565.75" in text


def test_what_a_file_names_is_in_french(busy: User) -> None:
    rows = french_table(in_french(busy).get(reverse("usage:everyone_csv"), PEOPLE))

    parts = {row["Partie"] for row in rows}
    assert {"Total", "Total de la période précédente", "Jour", "Jour et modèle", "Modèle", "Clé", "Personne"} == parts
    (fact, *_) = french_table(in_french(busy).get(reverse("usage:facts_csv"), PEOPLE))
    assert fact["Type de clé"] == "Temporaire"
    assert fact["Jour (UTC)"] == str(day(0))


def test_a_file_keeps_its_language_while_it_is_sent(busy: User) -> None:
    """What is sent is made after the answer, when another request may have changed the language."""
    french: Any = in_french(busy).get(reverse("usage:everyone_csv"), PEOPLE)
    english: Any = Client(headers={"accept-language": "en"})
    english.force_login(busy)
    english.get(reverse("usage:index"))

    assert "Total de la période précédente" in file_of(french)


def test_facts_carry_group_intern_and_supervisor(as_admin: Client, db: None) -> None:
    supervisor = make_staff("zeynep", first_name="Zeynep", last_name="Öz")
    supervisor.groups.add(Group.objects.get_or_create(name="Chemistry")[0])
    used(key_of(supervisor, "thesis", intern_name="Ada B"))
    used(key_of(supervisor, "own"), model="other")
    used(None, model="third")

    rows = {row["model"]: row for row in _plain(as_admin.get(reverse("usage:everyone_facts_csv")))}

    assert [rows["gpt-4o-mini"][name] for name in ("name", "groups", "intern", "supervisor")] == [
        "Zeynep Öz",
        "Chemistry, Staff",
        "Ada B",
        "zeynep",
    ]
    assert [rows["other"][name] for name in ("groups", "intern", "supervisor")] == ["Chemistry, Staff", "", ""]
    assert [rows["third"][name] for name in ("person", "groups", "intern", "supervisor")] == ["", "", "", ""]


def _plain(response: Any) -> Iterator[dict[str, str]]:
    return csv.DictReader(io.StringIO(file_of(response)))


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        (" =1+1", "' =1+1"),
        ("a;=1+1", "a;'=1+1"),
        ("a,@SUM(1)", "a,'@SUM(1)"),
        ("a\t+1", "a\t'+1"),
        ("a\n=1", "a\n'=1"),
        ("＝1+1", "'＝1+1"),
        ("a=b; c-d", "a=b; c-d"),
    ],
)
def test_no_part_of_a_text_becomes_a_formula_whatever_separates_cells(text: str, safe: str) -> None:
    assert cell_text(text) == safe
