"""The list of people: filters, order, pages, content."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from keys.models import Intern, Key, PersonBudget
from people.listing import PEOPLE_PER_PAGE
from tests.conftest import HTMX
from tests.factories import make_user
from tests.keys.views.pages import words_of
from tests.usage.views.facts import key_of, table_of, used

PEOPLE = "/people/"
MAX_QUERIES = 8


def names_in(client: Client, **params: Any) -> list[str]:
    """Return the names in the table, in their order."""
    page = client.get(PEOPLE, params).content.decode()
    return re.findall(r'<th scope="row"[^>]*>\s*<a [^>]*><bdi>([^<]*)</bdi>', page)


@pytest.fixture
def four(admin: User) -> dict[str, User]:
    """Make four people: one spends a little, one too much, one is inactive, one has nothing."""
    found = {
        name: make_user(name.lower(), first_name=name, groups=("Interns",) if name == "Zoé" else ())
        for name in ("Zoé", "Élodie", "Farid", "Wen")
    }
    used(key_of(found["Zoé"]), "1", days_ago=0)
    used(key_of(found["Élodie"]), "7", days_ago=0)
    used(key_of(found["Farid"], "gone", state=Key.State.DELETED), "2", days_ago=45)
    key_of(found["Élodie"], "second")
    for name in ("Zoé", "Élodie"):
        PersonBudget.objects.create(owner=found[name], budget_usd=5, budget_period="30d", state="written")
    User.objects.filter(username="farid").update(is_active=False)
    Intern.objects.create(supervisor=found["Élodie"], name="Zoé", account=found["Zoé"])
    User.objects.filter(username="admin").update(first_name="Admin", date_joined=timezone.now() - timedelta(days=9))
    return found


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["Admin", "Élodie", "Farid", "Wen", "Zoé"]),
        ({"q": "elodie"}, ["Élodie"]),
        ({"q": "ZOÉ@example"}, ["Zoé"]),
        ({"q": "nobody"}, []),
        ({"group": "Interns"}, ["Zoé"]),
        ({"supervisor": "élodie"}, ["Zoé"]),
        ({"state": "inactive"}, ["Farid"]),
        ({"state": "active"}, ["Admin", "Élodie", "Wen", "Zoé"]),
        ({"state": "anonymised"}, []),
        ({"idle": "30"}, ["Admin", "Farid", "Wen"]),
        ({"idle": "60"}, ["Admin", "Wen"]),
        ({"keys": "some"}, ["Élodie", "Zoé"]),
        ({"keys": "none", "state": "active"}, ["Admin", "Wen"]),
        ({"over": "1"}, ["Élodie"]),
        ({"idle": "nonsense", "state": "x", "keys": "3", "over": "yes"}, ["Admin", "Élodie", "Farid", "Wen", "Zoé"]),
        ({"order": "-person"}, ["Zoé", "Wen", "Farid", "Élodie", "Admin"]),
        ({"order": "-keys", "keys": "some"}, ["Élodie", "Zoé"]),
        ({"order": "-spend", "keys": "some"}, ["Élodie", "Zoé"]),
        ({"order": "spend", "keys": "some"}, ["Zoé", "Élodie"]),
        ({"order": "-last", "idle": ""}, ["Élodie", "Zoé", "Farid", "Admin", "Wen"]),
        ({"order": "joined", "q": "a"}, ["Admin"]),
    ],
)
def test_finds_and_sorts_people(
    as_admin: Client, four: dict[str, User], params: dict[str, str], expected: list[str]
) -> None:
    found = names_in(as_admin, **params)

    assert (found[:1] if params.get("order") == "joined" else found) == expected


def test_shows_keys_spend_budget_and_last_use(as_admin: Client, four: dict[str, User]) -> None:
    text = words_of(as_admin.get(PEOPLE))

    assert "5 people" in text
    assert "Élodie élodie none 2 7.00 USD 7.00 of 5.00 USD today" in text
    assert "Zoé zoé Interns Interns 1 1.00 USD 1.00 of 5.00 USD today" in text
    assert "Farid farid Inactive none 0 0.00 USD none 45 days ago" in text


def test_says_when_filters_leave_nobody_and_how_to_go_on(as_admin: Client, four: dict[str, User]) -> None:
    response = as_admin.get(PEOPLE, {"q": "nobody", "state": "active", "order": "-keys"})

    assert "Nobody with these filters" in words_of(response)
    page = response.content.decode()
    assert 'href="/people/?state=active&amp;order=-keys"' in page  # without the search
    assert "Account: <bdi>Active" in page


def test_answers_htmx_with_the_region_and_an_address_without_empty_fields(
    as_admin: Client, four: dict[str, User]
) -> None:
    response = as_admin.get(PEOPLE, {"q": "zo", "group": "", "order": "-keys"}, headers=HTMX)

    assert response.content.decode().lstrip().startswith("<section")
    assert response["HX-Push-Url"] == "/people/?q=zo&order=-keys"


def test_is_paged_on_the_server(as_admin: Client, admin: User) -> None:
    for number in range(PEOPLE_PER_PAGE + 1):
        make_user(f"p{number:02}")

    assert len(names_in(as_admin)) == PEOPLE_PER_PAGE
    assert names_in(as_admin, page=2) == ["p24", "p25"]
    assert names_in(as_admin, page="9" * 5) == ["p24", "p25"]
    assert len(names_in(as_admin, page="x" * 5000)) == PEOPLE_PER_PAGE


def test_the_file_has_everybody_and_no_formula(as_admin: Client, four: dict[str, User]) -> None:
    User.objects.filter(username="wen").update(first_name="=1+1")

    rows = {row["person"]: row for row in table_of(as_admin.get(reverse("people:csv"), {"order": "-keys"}))}

    assert list(rows)[0] == "élodie"
    assert rows["élodie"]["budget_spent_usd"] == "7"
    assert rows["farid"]["account"] == "inactive"
    assert rows["wen"]["name"].startswith("'=")
    heads = as_admin.get(reverse("people:csv"), {"for": "people"})
    assert "Spend, last 30 days (USD)" in b"".join(heads.streaming_content).decode()  # type: ignore[attr-defined]


@pytest.mark.parametrize("params", [{}, {"order": "-spend"}, {"over": "1", "order": "-last", "keys": "some"}])
def test_runs_a_constant_number_of_queries(as_admin: Client, four: dict[str, User], params: dict[str, str]) -> None:
    def queries() -> int:
        as_admin.get(PEOPLE, params)  # what is cached is there
        with CaptureQueriesContext(
            connection,
        ) as context:
            as_admin.get(PEOPLE, params)
        return len(context)

    few = queries()
    for number in range(30):
        person = make_user(f"many-{number}", groups=("Interns",))
        Key.objects.create(owner=person, kind="temporary", label="x", state="active")
        Intern.objects.create(supervisor=four["Wen"], name=person.username, account=person)

    assert queries() == few <= MAX_QUERIES


def test_amounts_are_exact_at_the_edge_of_a_budget(as_admin: Client, four: dict[str, User]) -> None:
    PersonBudget.objects.filter(owner=four["Élodie"]).update(budget_usd=Decimal("7.0001"))
    assert names_in(as_admin, over="1") == []

    used(key_of(four["Élodie"], "from outside", kind=Key.Kind.EXTERNAL), "99")  # counts in no budget
    assert names_in(as_admin, over="1") == []
    assert "106.00 USD 7.00 of 7.00 USD" in words_of(as_admin.get(PEOPLE))
    PersonBudget.objects.filter(owner=four["Élodie"]).update(budget_usd=Decimal("7.0000"))
    assert names_in(as_admin, over="1") == ["Élodie"]
