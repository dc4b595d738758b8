"""A key with a used-up budget is Paused, not Active; attention items are sorted, and shown once."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from keys.models import Key, PersonBudget
from tests.conftest import HTMX
from tests.keys.views.pages import words_of
from tests.usage.views.facts import day, key_of, used
from usage.models import Notice


def state_of(client: Client, key: Key, page: str = "/") -> str:
    """Return the word that the page has for the state of a key."""
    text = client.get(page).content.decode()
    row = text[text.index(f'id="key-{key.pk}"') :] if page == "/" else text
    state = row[row.index("ps-state ") :]
    return state[state.index("</svg>") + 6 : state.index("</span>")]


@pytest.mark.parametrize(
    ("budget", "usd", "word"),
    [
        (5, "5", "Paused"),
        (5, "7.5", "Paused"),
        (5, "4", "Budget nearly used"),
        (5, "3.99", "Active"),
        (None, "9", "Active"),
    ],
)
@pytest.mark.parametrize("period", ["1d", "30d"])
def test_the_state_of_a_key_knows_its_budget(
    as_intern: Client, intern: User, budget: int | None, usd: str, word: str, period: str
) -> None:
    key = key_of(intern, budget_usd=budget, budget_period=period if budget else "")
    used(key, usd)

    assert state_of(as_intern, key) == word
    assert state_of(as_intern, key, f"/keys/{key.pk}/") == word


@pytest.mark.parametrize(("usd", "word"), [("6", "Paused"), ("5", "Budget nearly used"), ("1", "Active")])
def test_the_budget_of_a_person_pauses_all_their_keys(as_intern: Client, intern: User, usd: str, word: str) -> None:
    spender, idle = key_of(intern), key_of(intern, "idle")
    PersonBudget.objects.create(owner=intern, budget_usd=6, budget_period="30d", state="written")
    used(spender, usd)
    Key.objects.filter(pk=spender.pk).update(state=Key.State.DELETED)  # what it spent still counts

    assert state_of(as_intern, idle) == word
    assert ("all keys together" in words_of(as_intern.get("/"))) == (word != "Active")


def test_attention_items_are_ordered_by_severity(as_intern: Client, intern: User) -> None:
    now = timezone.now()
    old = {"created_at": now - timedelta(days=60)}
    used(key_of(intern, "nearly", budget_usd=5, budget_period="30d"), "4.5")
    key_of(intern, "ends later", expires_at=now + timedelta(days=6), **old)
    key_of(intern, "ends next", expires_at=now + timedelta(days=2), **old)
    key_of(intern, "over", expires_at=now - timedelta(days=2), **old)
    used(key_of(intern, "used up", budget_usd=5, budget_period="30d"), "5")
    key_of(intern, "stopped", blocked=True)
    key_of(intern, "calm")

    page = words_of(as_intern.get("/"))
    page = page[page.index("Needs attention") :]

    labels = ["stopped", "used up", "over", "ends next", "ends later", "nearly", "In use", "calm"]
    assert sorted(labels, key=page.index) == labels


@pytest.fixture
def warned(intern: User) -> list[Key]:
    """Let three keys have used up or nearly used their budgets, and their owner be warned."""
    keys = []
    for number, usd in enumerate(("5", "6", "4")):
        key = key_of(intern, f"key {number}", budget_usd=5, budget_period="30d")
        used(key, usd)
        about = {"threshold": 80 if usd == "4" else 100, "period_first_day": day(0).replace(day=1)}
        Notice.objects.create(person=intern, key=key, spent_usd=usd, budget_usd=5, **about)
        keys.append(key)
    return keys


@pytest.mark.parametrize("page", ["/", "/usage/"])
def test_the_same_warning_is_one_line_with_a_count(as_intern: Client, warned: list[Key], page: str) -> None:
    answer = as_intern.get(page)

    assert answer.content.decode().count('id="usage-notice"') == 1
    assert "2 keys have used up their budget, 1 has nearly." in words_of(answer)


@pytest.mark.parametrize("way", [{}, HTMX])
def test_all_of_them_are_dismissed_with_one_click(as_intern: Client, warned: list[Key], way: dict[str, str]) -> None:
    stranger = Notice.objects.create(
        person=User.objects.create(username="else"), threshold=80, period_first_day=day(0), spent_usd=4, budget_usd=5
    )
    notices = [*Notice.objects.values_list("pk", flat=True)]

    as_intern.post("/usage/notices/seen/", {"notice": [*notices, "x", "9" * 30], "next": "/usage/"}, headers=way)

    assert list(Notice.objects.filter(seen_at=None)) == [stranger]
    for page in ("/", "/usage/"):
        assert "ps-notice" not in as_intern.get(page).content.decode()


def test_the_page_of_one_key_shows_that_key_only(as_intern: Client, intern: User, warned: list[Key]) -> None:
    calm = key_of(intern, "calm")
    used(calm, "1")

    assert "ps-notice" not in as_intern.get(f"/usage/?key={calm.pk}").content.decode()
    assert "The budget of “key 1” is used" in words_of(as_intern.get(f"/usage/?key={warned[1].pk}"))


def test_my_interns_shows_the_keys_of_interns_only(as_staff: Client, staff: User) -> None:
    for label, intern_name in (("own", ""), ("practical", "Intern B")):
        key = key_of(staff, label, budget_usd=5, budget_period="30d", intern_name=intern_name)
        about = {"threshold": 100, "period_first_day": day(0).replace(day=1)}
        Notice.objects.create(person=staff, key=key, spent_usd=5, budget_usd=5, **about)

    page = words_of(as_staff.get("/usage/interns/"))

    assert "The budget of “practical” is used" in page
    assert "The budget of “own” is used" not in page
