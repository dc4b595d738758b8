"""System prompts and parameters are rows of their own: one for equal ones, deleted with the last answer."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from playground.models import Answer, Conversation, ParameterSet
from playground.services import prune, turns
from playground.services.anonymise import anonymise
from playground.services.chat import NewMessage, ask
from tests.conftest import HTMX
from tests.factories import make_user
from tests.keys.actions import BY_TEST
from tests.keys.playground_actions import use
from tests.playground import rows
from tests.playground.sse import answer_to, received, send
from tests.playground.streams import MODEL, context, know_the_models
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db

SETUP = {"system": "Be brief.", "temperature": 0.5}
FOUR = ["general_nothink", "gpt-4o-mini", "claude-3-haiku", "llama-70b"]


@pytest.fixture
def models(sandbox: Sandbox, db: None, settings: Settings) -> None:
    settings.PLAYGROUND_STREAMS_PER_USER = settings.PLAYGROUND_REQUESTS_PER_MINUTE = 1000
    know_the_models()


def queries_of(client: Client, **settings: Any) -> int:
    """Return how many queries a message in a new conversation takes; its settings are as they are typed."""
    with CaptureQueriesContext(connection) as captured:
        assert send(client, "Hello [words 3]", **settings).status_code == 200
    return sum("playground_activecall" not in query["sql"] for query in captured)  # all calls are counted once a second


# --- One for all ------------------------------------------------------------------------------------
def test_equal_parameters_share_one_row(models: None, as_intern: Client) -> None:
    first = answer_to(as_intern, "Hello [words 3]", system="Be brief.", temperature="0.5")
    received(send(as_intern, "Again [words 3]", temperature="0,5", system="Be brief.", model="llama-70b"))
    compared = {"message": "All of you", "models": FOUR, "system": "Be brief.", "temperature": "0.5"}
    assert as_intern.post(reverse("playground:compare"), compared, headers=HTMX).status_code == 200

    found = ParameterSet.objects.get()
    assert found.values == SETUP
    assert set(Answer.objects.values_list("parameters", flat=True)) == {found.pk}
    assert set(Conversation.objects.values_list("parameters", flat=True)) == {found.pk}
    assert first.params == {"model": MODEL, **SETUP}
    assert sorted(Answer.objects.values_list("model", flat=True))[-1] == "llama-70b"


def test_the_order_of_names_makes_no_difference_and_any_value_does() -> None:
    setup: dict[str, Any] = {"system": "Be brief.", "tools": [{"name": "a", "strict": True}], "seed": 1}
    other_order = {"seed": 1, "tools": [{"strict": True, "name": "a"}], "system": "Be brief.", "model": "whichever"}
    others = [{**setup, "seed": 2}, {**setup, "tools": []}, {**setup, "system": "Be brief"}, {"seed": 1}, {"seed": "1"}]

    sets = [ParameterSet.of(1, each) for each in (setup, other_order, *others)]
    ids = {each.pk for each in sets if each}

    assert len(ids) == 1 + len(others)
    assert ParameterSet.of(1, {"model": "small", "models": ["small"]}) is None


def test_people_share_no_set(models: None, intern: User, staff: User) -> None:
    for person in (intern, staff):
        ask(context(person), NewMessage(text="Hello", params={"model": MODEL, **SETUP}))

    assert set(ParameterSet.objects.values_list("owner", flat=True)) == {intern.pk, staff.pk}


# --- What they cost ---------------------------------------------------------------------------------
def test_a_message_takes_one_query_more_where_they_are_new_and_none_where_they_are_known(
    models: None, intern: User, as_intern: Client
) -> None:
    use(intern)
    queries_of(as_intern)  # whatever is read once
    without = queries_of(as_intern)

    new = queries_of(as_intern, system="Be brief.")
    known = queries_of(as_intern, system="Be brief.")

    assert (new, known) == (without + 1, without)


def test_lists_and_trees_do_not_load_them(intern: User, as_intern: Client) -> None:
    params = {"model": MODEL, "system": "s" * 1000}
    for _ in range(3):
        conversation = rows.conversation(intern, ("Hello", "Hi"), params=params)
        rows.answer(rows.message(conversation, "Well?", parent=rows.last_answer(conversation)), params=params)

    with CaptureQueriesContext(connection) as captured:
        as_intern.get(reverse("playground:conversations"))
        as_intern.get(reverse("playground:conversation", args=[conversation.pk]))
        turns.show_answer(Answer.objects.owned_by(intern).only("message").select_related(None).latest("started_at"))

    loading = [query["sql"] for query in captured if "playground_parameterset" in query["sql"]]
    assert len(loading) == 1  # of the conversation, which the form shows
    assert 'FROM "playground_conversation"' in loading[0]


def test_the_page_of_refused_parameters_loads_them_all_at_once(intern: User, as_intern: Client) -> None:
    conversation, parent = rows.conversation(intern), None
    problem = {"code": "unsupported", "parameter": "seed"}
    for number in range(4):
        params = {"model": MODEL, "without": ["seed"], "max_tokens": number + 1}
        message = rows.message(conversation, "Hello", parent=parent)
        parent = rows.answer(message, "", params=params, state=Answer.State.FAILED, problem=problem)

    with CaptureQueriesContext(connection) as captured:
        page = as_intern.get(reverse("playground:conversation", args=[conversation.pk]))

    assert page.status_code == 200
    assert sum('FROM "playground_parameterset"' in query["sql"] for query in captured) == 1


# --- When they go -----------------------------------------------------------------------------------
def test_a_set_is_deleted_with_its_last_answer(
    intern: User, staff: User, django_capture_on_commit_callbacks: Any
) -> None:
    params = {"model": MODEL, **SETUP}
    first, second, others = (
        rows.conversation(person, ("Hello", "Hi"), params=params) for person in (intern, intern, staff)
    )
    alternative = rows.answer(
        rows.message(second, "Well?", parent=rows.last_answer(second)), params={"model": MODEL, "seed": 7}
    )

    def left_after(delete: Any, what: Any) -> list[set[str]]:
        with django_capture_on_commit_callbacks(execute=True):
            delete(what)
        return sorted(
            set(values) for values in ParameterSet.objects.filter(owner=intern).values_list("values", flat=True)
        )

    assert left_after(turns.delete_answer, alternative) == [set(SETUP)]
    assert left_after(turns.delete_conversation, first) == [set(SETUP)]
    assert left_after(turns.delete_conversation, second) == []
    assert ParameterSet.objects.get() == others.parameters


def test_they_go_with_an_anonymised_person_in_the_same_transaction(intern: User, sandbox: Sandbox) -> None:
    rows.conversation(intern, ("Hello", "Hi"), params={"model": MODEL, "system": "You are Ngozi."})

    anonymise(person=intern, actor=BY_TEST)

    assert not ParameterSet.objects.exists()


def test_the_prune_deletes_unused_sets_only(intern: User) -> None:
    rows.parameter_set(intern, SETUP)
    used = [
        rows.conversation(make_user(), params={"model": MODEL, "seed": 1}).parameters,
        rows.answer(rows.message(rows.conversation(intern)), params={"seed": 2}).parameters,
    ]

    assert prune.prune_parameters() == 1
    assert set(ParameterSet.objects.all()) == set(used)


@pytest.mark.django_db(transaction=True)
def test_concurrent_messages_and_a_prune_lose_and_duplicate_no_set(models: None, intern: User) -> None:
    """Each round two tabs send the same new settings, and all that was there is deleted and pruned meanwhile."""
    use(intern)

    def one_more(number: int) -> None:
        try:
            if number == 0:
                for conversation in Conversation.objects.owned_by(intern):
                    turns.delete_conversation(conversation)
                prune.prune_parameters()
            else:
                ask(context(intern), NewMessage(text="Hello", params={"model": MODEL, "seed": 1}))
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as threads:
        for _ in range(3):
            list(threads.map(one_more, (1, 0, 2)))

    assert all(conversation.parameters_id for conversation in Conversation.objects.all())
    prune.prune_parameters()
    assert set(ParameterSet.objects.values_list("pk")) == set(Conversation.objects.values_list("parameters"))
