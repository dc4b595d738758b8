"""My keys: what needs attention first, words for every state, and few queries."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from gateway.errors import GatewayUnavailable
from keys import services
from keys.models import Key, Token
from tests.factories import make_policy
from tests.keys.actions import BY_TEST, again, ending_in, issue
from tests.keys.views.pages import assert_form, assert_only, everything, words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox


def place(page: str, *words: str) -> None:
    """Check that these words come in this order."""
    places = [page.index(word) for word in words]
    assert places == sorted(places), words


def test_without_keys_it_says_what_to_do(as_intern: Client, sandbox: Sandbox, way: dict[str, str]) -> None:
    response = as_intern.get("/", headers=way)

    assert response.status_code == 200
    assert_form(response, way)
    assert "Create your first key" in words_of(response)
    assert 'name="label"' in response.content.decode()
    assert "Up to 5.00 USD" in words_of(response)


def test_lists_label_kind_last_characters_state_end_and_use(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)

    page = words_of(as_intern.get("/"))

    for words in (
        "thesis",
        "Temporary",
        f"…{fresh.secret[-4:]}",
        "Active",
        "in 30 days",
        "Last use: never",
        "5.00 USD",
    ):
        assert words in page
    assert "1 key of 3 is in use." in page


def test_keys_that_need_attention_come_first(as_staff: Client, staff: User, sandbox: Sandbox) -> None:
    issue(staff, "calm")
    ending_in(issue(staff, "ending").key, sandbox, days=3)
    ending_in(issue(staff, "over").key, sandbox, days=-1)
    services.delete_key(key=again(issue(staff, "deleted one").key), actor=BY_TEST)
    sandbox.call("POST", "/key/generate", body={"user_id": staff.gateway_user_id, "key_alias": "elsewhere"})
    services.sync_keys()

    page = words_of(as_staff.get("/"))

    place(
        page,
        "Needs attention",
        "In use",
        "calm",
        "Created outside the portal",
        "elsewhere",
        "Expired or deleted today",
        "deleted one",
    )
    for label in ("ending", "over"):
        place(page, "Needs attention", label, "In use")
    for state in ("Expires soon", "Expired", "Active", "Created outside", "Deleted"):
        assert state in page
    assert "Renew ending" in as_staff.get("/").content.decode()
    assert "Renew calm" not in as_staff.get("/").content.decode()


def test_states_in_progress_have_words(as_staff: Client, staff: User, sandbox: Sandbox) -> None:
    key = issue(staff, "going").key
    sandbox.faults("/key/delete", "error", status=503)
    with pytest.raises(GatewayUnavailable):
        services.delete_key(key=again(key), actor=BY_TEST)
    blocked = issue(staff, "blocked one").key
    Key.objects.filter(pk=blocked.pk).update(blocked=True)
    unfinished = issue(staff, "coming").key
    Key.objects.filter(pk=unfinished.pk).update(state=Key.State.ISSUING)
    rotating = issue(staff, "turning").key
    services.rotate_key(key=again(rotating), actor=BY_TEST)

    page = words_of(as_staff.get("/"))

    for words in ("Being deleted", "Blocked", "Being created", "Old secret still works"):
        assert words in page


def test_what_ended_is_shown_for_a_day(as_intern: Client, key: Key) -> None:
    services.delete_key(key=again(key), actor=BY_TEST)
    assert "thesis" in words_of(as_intern.get("/"))

    Key.objects.update(ended_at=timezone.now() - timedelta(days=1, minutes=1))

    assert "thesis" not in words_of(as_intern.get("/"))


def test_others_keys_are_not_listed(as_intern: Client, foreign_key: Key) -> None:
    assert foreign_key.label not in words_of(as_intern.get("/"))


def test_a_full_quota_says_what_to_do(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    for label in ("one", "two", "three"):
        issue(intern, label)

    assert "You have 3 keys, and 3 are allowed. Delete one" in words_of(as_intern.get("/"))


def test_needs_no_gateway(as_intern: Client, key: Key, settings: Settings) -> None:
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    assert "thesis" in words_of(as_intern.get("/"))


def test_changes_nothing(as_intern: Client, key: Key, sandbox: Sandbox) -> None:
    before = everything(sandbox)

    as_intern.get("/")

    assert everything(sandbox) == before


def test_a_page_restored_from_the_browser_history_is_complete(as_intern: Client, sandbox: Sandbox) -> None:
    response = as_intern.get("/", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})

    assert b"<!doctype html>" in response.content


def test_costs_the_same_few_queries_with_any_number_of_keys(
    as_staff: Client, staff: User, django_assert_max_num_queries: DjangoAssertNumQueries, sandbox: Sandbox
) -> None:
    make_policy("Staff", max_live_keys=None, personal__allowed=True)
    issue(staff, "first")
    with CaptureQueriesContext(
        connection,
    ) as one:
        as_staff.get("/")
    keys = Key.objects.bulk_create(
        Key(owner=staff, kind=Key.Kind.TEMPORARY, label=f"key {n}", state=Key.State.ACTIVE) for n in range(200)
    )
    Token.objects.bulk_create(
        Token(key=key, state=state, token=f"{key.pk.hex}{state:>32}", last_four="abcd", retires_at=timezone.now())
        for key in keys
        for state in (Token.State.LIVE, Token.State.RETIRING)
    )

    with django_assert_max_num_queries(8) as many:
        as_staff.get("/")

    assert len(many) == len(one)


def test_an_anonymous_user_is_sent_to_the_sign_in_page(client: Client, db: None) -> None:
    assert client.get("/").status_code == 302


def test_accepts_get_only(as_intern: Client) -> None:
    assert_only(as_intern, "/", "get")
