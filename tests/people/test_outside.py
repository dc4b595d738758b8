"""Keys without an owner on the pages: listed with their spend, given to people, blocked, deleted."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from keys import services
from keys.models import Key, UnownedKey
from tests.conftest import HTMX
from tests.factories import change_policies, make_user
from tests.keys.actions import being_given, set_at_gateway
from tests.keys.views.pages import words_of
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks
from tests.usage.views.facts import key_of, used
from usage.models import DayToken
from usage.services import attribute_tokens

LIST = "/people/keys/outside/"
ACTION = "/people/keys/outside/action/"
MAX_QUERIES = 8


@pytest.fixture
def three(sandbox: Sandbox) -> list[UnownedKey]:
    """Make three keys at the gateway for nobody, and have the sync find them."""
    for alias in ("cron", "lab-bot", "notebook"):
        sandbox.call("POST", "/key/generate", body={"user_id": f"{alias}-user", "key_alias": alias})
    services.sync_keys()
    return list(UnownedKey.objects.order_by("alias"))


def post(browser: Client, action: str, *rows: UnownedKey, **more: Any) -> Any:
    return browser.post(ACTION, {"action": action, "keys": ",".join(str(row.pk) for row in rows), **more})


def test_lists_them_with_their_spend_and_finds_by_words(as_reader: Client, three: list[UnownedKey]) -> None:
    used(None, "7.50", token=three[1].token, days_ago=3)
    used(None, "2", token=three[1].token, days_ago=60)
    UnownedKey.objects.filter(pk=three[0].pk).update(expires_at=timezone.now() - timedelta(days=1))

    page = words_of(as_reader.get(LIST))

    assert "3 keys" in page
    assert "lab-bot" in page
    assert "7.50 USD" in page
    assert "9.50 USD" in page
    assert "3 days ago" in page
    assert "Expired" in page
    assert "Give to a person" not in page  # who may only look
    found = words_of(as_reader.get(LIST, {"q": "BOT lab-bot-user"}))
    assert "1 key" in found
    assert "notebook" not in found
    assert "No key with these filters" in words_of(as_reader.get(LIST, {"q": "nothing"}))
    assert "3 keys at the gateway were made outside and have no owner." in words_of(as_reader.get("/people/keys/"))


def test_takes_few_queries_however_many_there_are(as_manager: Client, db: None) -> None:
    UnownedKey.objects.bulk_create(UnownedKey(token=f"{n:064x}", alias=f"key {n}", user_id="x") for n in range(120))
    as_manager.get(LIST)
    for params in ({}, {"q": "key 1"}, {"page": "2"}, {"page": "99"}):
        with CaptureQueriesContext(connection) as queries:
            as_manager.get(LIST, params)
        assert len(queries) <= MAX_QUERIES, params
    assert "101 to 120 of 120" in words_of(as_manager.get(LIST, {"page": "99"}))


def test_gives_several_to_a_person_with_their_spend(
    as_secretary: Client, staff: User, intern: User, three: list[UnownedKey]
) -> None:
    used(None, "4", token=three[0].token)
    asked = as_secretary.get(ACTION, {"action": "give", "key": [str(three[0].pk), str(three[1].pk)], "who": "staff"})
    page = words_of(asked)
    assert "Give 2 keys to a person?" in page
    assert "All that they have spent becomes the person’s: 4.00 USD" in page
    assert "staff@example.edu" in page
    assert "Personal" in page
    assert not Key.objects.exists()

    response = post(as_secretary, "give", three[0], three[1], person=staff.pk)

    assert response["Location"] == LIST
    assert f"2 of 2 keys are still to be given to {staff.display_name}" in words_of(as_secretary.get(LIST))
    run_tasks()
    progress = as_secretary.get(LIST, headers=HTMX)
    assert f"{staff.display_name} has 2 more keys" in words_of(progress)
    assert "Search" not in words_of(progress)
    attribute_tokens()  # with the next poll
    assert {key.owner for key in Key.objects.all()} == {staff}
    assert DayToken.objects.get().token_ref.owner == staff
    assert [row.alias for row in UnownedKey.objects.all()] == ["notebook"]
    assert "cron" in words_of(as_secretary.get(f"/people/{staff.pk}/"))


def test_gives_many_with_calls_in_proportion(
    as_secretary: Client, staff: User, three: list[UnownedKey], sandbox: Sandbox
) -> None:
    change_policies(person_budget_usd=9, person_budget_period="30d")
    UnownedKey.objects.update(used_at=timezone.now())
    for row in three:
        set_at_gateway(sandbox, row.token, spend=0.5)
    sandbox.faults("/user/daily/activity", "delay", seconds=0, times=99)

    post(as_secretary, "give", *three, person=staff.pk)
    run_tasks()

    calls = sum(fault["hits"] for fault in sandbox.armed_faults())
    assert Key.objects.filter(owner=staff).count() == len(three)
    assert 0 < calls <= len(three) + 1  # theirs, and once each key's


def test_says_what_the_keys_do_to_the_budget_of_each_candidate(
    as_secretary: Client, staff: User, intern: User, three: list[UnownedKey]
) -> None:
    change_policies(person_budget_usd=10, person_budget_period="1d")
    key = key_of(staff)
    used(key, "7")
    used(key, "90", days_ago=1)  # another period
    used(None, "3.50", token=three[0].token)
    used(None, "90", token=three[0].token, days_ago=1)

    page = as_secretary.get(ACTION, {"action": "give", "key": str(three[0].pk), "who": "example.edu"})

    words = words_of(page).replace("\xa0", " ")
    assert "budget 10.00 USD a day, spent 7.00 USD, with these keys 10.50 USD" in words
    assert "spent 0.00 USD, with these keys 3.50 USD" in words
    assert words.count("Over budget after this") == 1


def test_finds_people_in_few_queries_however_many(as_secretary: Client, three: list[UnownedKey]) -> None:
    counts = []
    for number in range(6):
        make_user(f"zeta{number}")
        with CaptureQueriesContext(connection) as queries:
            as_secretary.get(ACTION, {"action": "give", "key": str(three[0].pk), "who": "zeta"})
        counts.append(len(queries))
    assert counts[1] == counts[-1]


def test_acts_on_all_that_were_searched_for(as_secretary: Client, three: list[UnownedKey], sandbox: Sandbox) -> None:
    page = words_of(as_secretary.get(ACTION, {"action": "block", "all": "1", "q": "o"}))
    assert "Block 3 keys?" in page

    post(as_secretary, "block", *three)
    assert all(row["blocked"] for row in sandbox.live_keys())
    assert "it is blocked already" in words_of(as_secretary.get(ACTION, {"action": "block", "key": str(three[0].pk)}))
    assert "3 keys work again." in words_of(as_secretary.get(post(as_secretary, "unblock", *three)["Location"]))
    assert "3 keys are deleted." in words_of(as_secretary.get(post(as_secretary, "delete", *three)["Location"]))
    assert sandbox.live_keys() == []
    assert "Every key has an owner." in words_of(as_secretary.get(LIST))


def test_gives_to_nobody_whom_one_may_not_change(
    as_secretary: Client, admin: User, staff: User, three: list[UnownedKey]
) -> None:
    secretary = User.objects.get(username="secretary")
    gone = make_user("gone", is_active=False)

    for who in (admin.pk, secretary.pk, gone.pk, "", "x", 10**9):
        response = post(as_secretary, "give", three[0], person=who)
        assert response.status_code == 422, who
        assert "Choose the person" in words_of(response)
    for name in (admin.username, "secretary", "gone"):
        page = words_of(as_secretary.get(ACTION, {"action": "give", "key": str(three[0].pk), "who": name}))
        assert "No active person with this name" in page
    assert not Key.objects.exists()


def test_says_what_is_wrong_and_changes_nothing(
    as_secretary: Client, staff: User, three: list[UnownedKey], sandbox: Sandbox
) -> None:
    UnownedKey.objects.filter(pk=three[0].pk).update(**being_given(to=staff, by=staff))
    sandbox.call("POST", "/key/delete", body={"keys": [three[1].token]})

    second = post(as_secretary, "give", three[0], person=staff.pk)
    vanished = post(as_secretary, "give", three[1], person=staff.pk)
    again = post(as_secretary, "give", three[1], person=staff.pk)
    sandbox.faults("/key/info", "drop_before", times=9)
    away = post(as_secretary, "give", three[2], person=staff.pk)

    assert (second.status_code, vanished.status_code, again.status_code, away.status_code) == (409, 409, 409, 503)
    assert "another administrator is just changing it" in words_of(second)
    assert "The gateway no longer has this key. Nothing was changed." in words_of(vanished)
    assert "it has an owner by now. Nothing was changed." in words_of(again)
    assert "The gateway does not answer. Nothing has changed" in words_of(away)
    assert not Key.objects.exists()
    assert f"Being given to {staff.display_name}" in words_of(as_secretary.get(LIST))
    assert as_secretary.get(ACTION, {"action": "paint"}).status_code == 404
    assert as_secretary.get(ACTION, {"action": "give", "key": "no-id"}).status_code == 422


def test_is_limited(as_secretary: Client, three: list[UnownedKey], settings: Any) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 1
    post(as_secretary, "block", three[0])
    response = post(as_secretary, "block", three[1])
    assert response.status_code == 429
    assert response["Retry-After"]
    assert not UnownedKey.objects.get(pk=three[1].pk).blocked
