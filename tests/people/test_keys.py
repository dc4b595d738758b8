"""The list of all keys: filters, order, pages, content."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from keys.models import Intern, Key, PersonBudget, Token
from people.key_listing import KEYS_PER_PAGE
from tests.conftest import HTMX
from tests.factories import make_user
from tests.keys.views.pages import words_of
from tests.usage.views.facts import key_of, table_of, used

KEYS = "/people/keys/"
MAX_QUERIES = 8


def labels_in(client: Client, **params: Any) -> list[str]:
    """Return the labels in the table, in their order."""
    page = client.get(KEYS, params).content.decode()
    return re.findall(r'<th scope="row"[^>]*>\s*<bdi[^>]*>([^<]*)</bdi>', page)


@pytest.fixture
def seven(admin: User) -> dict[str, Key]:
    """Make keys of two people in each state; one that was deleted, and is in no list."""
    now, old = timezone.now(), timezone.now() - timedelta(days=70)
    elodie, farid = (make_user(name.lower(), first_name=name) for name in ("Élodie", "Farid"))
    for name in ("Lab & co", "Others"):
        farid.groups.create(name=name)
    User.objects.filter(pk=farid.pk).update(is_active=False)
    intern = Intern.objects.create(supervisor=elodie, name="Zoé")
    soon, later = now + timedelta(days=3), now + timedelta(days=40)
    about: list[tuple[str, User, dict[str, Any]]] = [
        ("thesis", elodie, {"expires_at": soon, "kind": "personal", "budget_usd": 5, "budget_period": "30d"}),
        ("Étude", elodie, {"expires_at": later, "intern": intern}),
        ("stopped", farid, {"blocked": True, "expires_at": None}),
        ("old", farid, {"expires_at": now - timedelta(days=1)}),
        ("chat", elodie, {"kind": "playground", "expires_at": now - timedelta(days=1)}),
        ("script", farid, {"kind": "external"}),
        ("gone", elodie, {"state": "deleted"}),
    ]
    found = {}
    for place, (label, owner, fields) in enumerate(about):
        key = key_of(owner, label, **fields)
        Key.objects.filter(pk=key.pk).update(created_at=old + timedelta(hours=place))
        found[label] = key
    Key.objects.filter(label="chat").update(created_at=now)
    Token.objects.filter(key=found["old"]).update(last_four="aB9z")
    used(found["thesis"], "7", days_ago=0)
    used(found["Étude"], "1", days_ago=0)
    used(found["script"], "2", days_ago=45)
    return found


def test_finds_keys(as_admin: Client, seven: dict[str, Key]) -> None:
    everything = ["chat", "script", "old", "stopped", "Étude", "thesis"]
    cases: list[tuple[dict[str, str], list[str]]] = [
        ({}, everything),
        ({"q": "etude"}, ["Étude"]),
        ({"q": "ELODIE@example th"}, ["thesis"]),
        ({"q": "zoe"}, ["Étude"]),
        ({"q": "…Ab9Z"}, ["old"]),
        ({"q": "nobody"}, []),
        ({"state": "active"}, ["Étude", "thesis"]),
        ({"state": "blocked"}, ["stopped"]),
        ({"state": "expired"}, ["old"]),
        ({"state": "soon"}, ["thesis"]),
        ({"state": "outside"}, ["script"]),
        ({"kind": "personal"}, ["thesis"]),
        ({"kind": "playground"}, ["chat"]),
        ({"idle": "30"}, ["script", "old", "stopped"]),
        ({"idle": "60"}, ["old", "stopped"]),  # "chat" is younger
        ({"idle": "90"}, []),
        ({"owner": "inactive"}, ["script", "old", "stopped"]),
        ({"group": "Lab & co"}, ["script", "old", "stopped"]),
        ({"group": "Lab & co", "q": "o", "idle": "60"}, ["old", "stopped"]),
        ({"group": "Lab"}, []),
        ({"over": "1"}, ["thesis"]),
        ({"over": "1", "group": "Lab & co"}, []),
        ({"over": "1", "q": "farid"}, []),
        ({"owner": "inactive", "state": "outside", "idle": "30"}, ["script"]),
        ({"state": "x", "kind": "external", "idle": "5", "owner": "y", "over": "yes", "order": "z"}, everything),
    ]
    for params, expected in cases:
        assert labels_in(as_admin, **params) == expected, params


def test_finds_keys_of_interns_whose_supervisor_has_left(as_admin: Client, seven: dict[str, Key]) -> None:
    assert labels_in(as_admin, owner="left") == []

    User.objects.filter(username="élodie").update(is_active=False)

    assert labels_in(as_admin, owner="left") == ["Étude"]
    assert "Owner: <bdi>Supervisor who has left" in as_admin.get(KEYS, {"owner": "left"}).content.decode()


def test_sorts_keys(as_admin: Client, seven: dict[str, Key]) -> None:
    for order, expected in (
        ("created", ["thesis", "Étude", "stopped", "old", "script", "chat"]),
        ("label", ["chat", "Étude", "old", "script", "stopped", "thesis"]),
        ("owner", ["chat", "Étude", "thesis", "script", "old", "stopped"]),
        ("-spend", ["thesis", "Étude"]),
        ("-last", ["Étude", "thesis", "script"]),
        ("last", ["chat", "old", "stopped", "script", "Étude", "thesis"]),
        ("-expires", ["Étude", "thesis"]),
    ):
        found = labels_in(as_admin, order=order)
        assert found[: len(expected)] == expected, order
        assert set(found) == set(seven) - {"gone"}, order
        of_elodie = [label for label in found if label in ("thesis", "Étude", "chat")]
        assert labels_in(as_admin, order=order, q="elodie") == of_elodie, order


def test_the_budget_of_the_person_stops_all_keys_but_those_made_outside(
    as_admin: Client, seven: dict[str, Key]
) -> None:
    elodie, farid = seven["thesis"].owner, seven["script"].owner
    PersonBudget.objects.create(owner=elodie, budget_usd="7.5", budget_period="30d", state="written")
    used(seven["script"], "50")
    PersonBudget.objects.create(owner=farid, budget_usd=1, budget_period="30d", state="written")

    assert labels_in(as_admin, over="1") == ["chat", "Étude", "thesis"]
    assert "Étude Temporary" in words_of(as_admin.get(KEYS))
    assert words_of(as_admin.get(KEYS, {"q": "etude"})).count("Paused") == 1
    PersonBudget.objects.filter(owner=elodie).update(budget_usd="8.0001")
    assert labels_in(as_admin, over="1") == ["thesis"]  # its own


def test_shows_owner_state_spend_budget_last_use_and_expiry(as_admin: Client, seven: dict[str, Key]) -> None:
    text = words_of(as_admin.get(KEYS))

    assert "6 keys" in text
    for words in (
        "for Zoé Élodie Active 1.00 USD none today",
        "Élodie Paused 7.00 USD 7.00 of 5.00 USD today",
        "Farid Inactive Blocked 0.00 USD none never never",
        "Farid Inactive Created outside 0.00 USD none 45 days ago",
        "Élodie Idle",
    ):
        assert words in text, words


def test_a_group_stays_chosen_in_orders_pages_files_and_actions(as_admin: Client, seven: dict[str, Key]) -> None:
    page = as_admin.get(KEYS, {"group": "Lab & co", "state": "expired"}).content.decode()

    assert "<option selected>Lab &amp; co</option>" in page
    assert "Group: <bdi>Lab &amp; co</bdi>" in page
    assert 'href="/people/keys/?state=expired"' in page  # without the group
    for way in (
        "/people/keys/?state=expired&amp;group=Lab+%26+co&amp;order=",
        "/people/keys.csv?state=expired&amp;group=",
    ):
        assert way in page
    rows = table_of(as_admin.get(reverse("people:keys_csv"), {"group": "Lab & co"}))
    assert [row["key"] for row in rows] == ["script", "old", "stopped"]
    question = words_of(as_admin.get(reverse("people:bulk_keys"), {"action": "block", "all": "1", "group": "Lab & co"}))
    assert "Block 2 keys?" in question  # the third is blocked
    assert "thesis" not in question


def test_says_when_filters_leave_none_and_how_to_go_on(as_admin: Client, seven: dict[str, Key]) -> None:
    response = as_admin.get(KEYS, {"q": "nobody", "state": "soon", "order": "-spend"})

    assert "No key with these filters" in words_of(response)
    page = response.content.decode()
    assert 'href="/people/keys/?state=soon&amp;order=-spend"' in page  # without the search
    assert "State: <bdi>Expires within 7 days" in page


def test_says_that_there_is_no_key(as_admin: Client) -> None:
    assert "No key yet." in words_of(as_admin.get(KEYS))


def test_answers_htmx_with_the_region_and_an_address_without_empty_fields(as_admin: Client, admin: User) -> None:
    response = as_admin.get(KEYS, {"q": "th", "state": "", "order": "label"}, headers=HTMX)

    assert response.content.decode().lstrip().startswith("<section")
    assert response["HX-Push-Url"] == "/people/keys/?q=th&order=label"


@pytest.mark.parametrize("order", ["created", "label"])
def test_is_paged_on_the_server(as_admin: Client, admin: User, order: str) -> None:
    for number in range(KEYS_PER_PAGE + 1):
        key_of(admin, f"k{number:02}")

    assert len(labels_in(as_admin, order=order)) == KEYS_PER_PAGE
    assert labels_in(as_admin, order=order, page=2) == ["k25"]
    assert labels_in(as_admin, order=order, page="9" * 5) == ["k25"]
    assert len(labels_in(as_admin, order=order, page="x" * 5000)) == KEYS_PER_PAGE
    with CaptureQueriesContext(connection) as captured:
        assert "26 to 26 of 26" in words_of(as_admin.get(KEYS, {"order": order, "page": "2"}))
    of_page = [query["sql"] for query in captured if "spent_usd" in query["sql"]]
    assert [sql.rpartition("OFFSET")[2].count(")") > 0 for sql in of_page] == [True], "or spend of all before is summed"


def test_the_file_has_every_key_and_no_formula(as_admin: Client, seven: dict[str, Key]) -> None:
    Key.objects.filter(label="stopped").update(label="=1+1")

    rows = {row["key"]: row for row in table_of(as_admin.get(reverse("people:keys_csv"), {"order": "owner"}))}

    assert list(rows) == ["chat", "Étude", "thesis", "script", "old", "'=1+1"]
    assert rows["thesis"] | {"budget_spent_usd": "7", "owner": "élodie", "state": "paused"} == rows["thesis"]
    assert rows["Étude"]["intern"] == "Zoé"
    assert rows["old"]["last_four"] == "aB9z"
    heads = as_admin.get(reverse("people:keys_csv"), {"for": "people", "state": "blocked"})
    text = b"".join(heads.streaming_content).decode()  # type: ignore[attr-defined]
    assert "Secret ends in" in text
    assert text.count("\n") == 2


@pytest.mark.parametrize(
    "params",
    [
        {"order": "-spend", "idle": "30"},
        {"over": "1", "order": "-last"},
        {"order": "owner", "q": "many", "group": "Lab & co", "page": "2"},
        {},
    ],
)
def test_runs_a_constant_number_of_queries(as_admin: Client, seven: dict[str, Key], params: dict[str, str]) -> None:
    def queries() -> int:
        as_admin.get(KEYS, params)  # what is cached is there
        with CaptureQueriesContext(connection) as context:
            as_admin.get(KEYS, params)
        return len(context)

    few = queries()
    for number in range(30):
        person = make_user(f"many-{number}", groups=("Lab & co",))
        key_of(person, "x", intern=Intern.objects.create(supervisor=person, name="y"), state=Key.State.DELETING)

    assert queries() <= MAX_QUERIES
    assert few <= MAX_QUERIES


def test_no_filter_with_a_nul_reaches_the_database(as_admin: Client) -> None:
    addresses = [reverse(f"people:{name}") for name in ("index", "csv", "keys", "keys_csv")]
    answers = {
        (url, name): as_admin.get(url, {name: "abc\0"}).status_code
        for url in addresses
        for name in ("q", "group", "supervisor", "state", "kind")
    }

    assert {where: status for where, status in answers.items() if status != 200} == {}


def test_leads_to_the_limits_of_those_keys_that_one_may_change(
    as_secretary: Client, as_reader: Client, seven: dict[str, Key]
) -> None:
    own = key_of(User.objects.get(username="secretary"), "own")
    boss = key_of(User.objects.get(username="admin"), "boss")

    page = as_secretary.get(KEYS).content.decode()

    ways = {
        key.label: f'href="/people/{key.owner_id}/keys/{key.pk}/limits/"' in page
        for key in (*seven.values(), own, boss)
    }
    assert {label for label, there in ways.items() if there} == {"thesis", "Étude", "stopped", "old"}
    assert "/limits/" not in as_reader.get(KEYS).content.decode()
