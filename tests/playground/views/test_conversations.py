"""The list of conversations, and actions on one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as portal_settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import User
from playground.listing import SHOWN_AT_MOST, conversations_of
from playground.models import Answer, Attachment, Conversation, Message
from tests.conftest import HTMX
from tests.factories import make_user
from tests.playground import rows

LIST = "playground:conversations"


def url(name: str, conversation: Conversation) -> str:
    return reverse(f"playground:{name}", args=[conversation.pk])


def titles(user: User, q: str = "") -> list[str]:
    return [row.conversation.title for group in conversations_of(user, q).groups for row in group.rows]


# --- The list ---------------------------------------------------------------------------------------
def test_lists_the_most_recent_first(intern: User, as_intern: Client) -> None:
    now = timezone.now()
    rows.conversation(intern, title="older", used_at=now - timedelta(days=3))
    rows.conversation(intern, title="newer", used_at=now)

    assert titles(intern) == ["newer", "older"]
    assertContains(as_intern.get(reverse(LIST)), "newer")


def test_groups_by_the_day_of_the_portals_time_zone(intern: User, settings: Any) -> None:
    settings.TIME_ZONE = "Pacific/Kiritimati"  # whose midnight is no midnight in UTC
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    second, day = timedelta(seconds=1), timedelta(days=1)
    for title, at in (("a", midnight), ("b", midnight - second), ("c", midnight - day), ("d", midnight - day - second)):
        rows.conversation(intern, title=title, used_at=at)

    groups = conversations_of(intern).groups

    found = [(str(group.title), [row.conversation.title for row in group.rows]) for group in groups]
    assert found == [("Today", ["a"]), ("Yesterday", ["b", "c"]), ("Earlier", ["d"])]


def test_leaves_out_temporary_conversations_and_those_of_others(intern: User) -> None:
    rows.conversation(intern, title="not kept", kept=False)
    rows.conversation(make_user(), title="another's")

    assert titles(intern) == []


@pytest.mark.parametrize("q", ["P-Value", "what is a", "chance alone", "  chance  ", "chance\0"])
def test_finds_by_title_question_and_answer(intern: User, q: str) -> None:
    rows.conversation(intern, ("What is a statistic?", "How often chance alone …"), title="p-values")
    rows.conversation(intern, ("Something else", "Another thing"))

    assert titles(intern, q) == ["p-values"]


def test_finds_each_conversation_once(intern: User) -> None:
    rows.conversation(intern, ("same", "same"), ("same", "same"), title="same")

    assert titles(intern, "same") == ["same"]


@pytest.mark.parametrize("q", ["%", "_", "'", "\\", "x" * 1000])
def test_treats_wildcards_as_text(intern: User, q: str) -> None:
    rows.conversation(intern, ("plain", "words"), title="plain")

    assert titles(intern, q) == []


def test_does_not_search_conversations_of_others(intern: User, as_intern: Client) -> None:
    rows.conversation(make_user(), ("their secret plan", "ok"))

    assertNotContains(as_intern.get(reverse(LIST), {"q": "secret"}), "plan")


def test_shows_fifty_and_says_that_there_are_more(intern: User, as_intern: Client) -> None:
    for number in range(SHOWN_AT_MOST + 1):
        rows.conversation(intern, title=f"chat {number}", used_at=timezone.now() - timedelta(minutes=number))

    response = as_intern.get(reverse(LIST))

    assertContains(response, "chat 49")
    assertNotContains(response, "chat 50")
    assertContains(response, "These are the newest 50.")


def test_runs_one_query(intern: User, django_assert_num_queries: Any) -> None:
    for number in range(5):
        rows.conversation(intern, ("a", "b"), title=f"chat {number}")

    with django_assert_num_queries(1):
        conversations_of(intern, "a")


def test_answers_htmx_with_the_list_alone(intern: User, as_intern: Client) -> None:
    rows.conversation(intern, ("cats", "purr"))

    response = as_intern.get(reverse(LIST), {"q": "cats"}, headers=HTMX)

    assert response.content.strip().startswith(b'<nav id="playground-found"')
    assertContains(response, "1 conversation")


def test_says_what_to_do_when_there_is_nothing(as_intern: Client) -> None:
    assertContains(as_intern.get(reverse(LIST)), "No conversations yet.")
    assertContains(as_intern.get(reverse(LIST), {"q": "<b>zz"}), "Nothing has “&lt;b&gt;zz” in it.")


def test_leads_to_the_page_of_each_kind(intern: User, as_intern: Client) -> None:
    chat = rows.conversation(intern, title="a chat")
    compared = rows.conversation(intern, title="a comparison", kind=Conversation.Kind.COMPARE)

    response = as_intern.get(reverse(LIST))

    assertContains(response, url("conversation", chat))
    assertContains(response, url("comparison", compared))
    assertContains(response, "Compare: ")


# --- Rename -----------------------------------------------------------------------------------------
def test_renames(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, title="old")

    assertContains(as_intern.get(url("rename", conversation)), 'value="old"')
    response = as_intern.post(url("rename", conversation), {"title": "  new \n name "})

    assertRedirects(response, url("conversation", conversation), fetch_redirect_response=False)
    conversation.refresh_from_db()
    assert conversation.title == "new name"


@pytest.mark.parametrize("title", ["", " ", "x" * 101, "safe\u202egnp.exe", "\u2800"])
def test_refuses_a_name_that_shows_nothing_or_hides_something(intern: User, as_intern: Client, title: str) -> None:
    conversation = rows.conversation(intern, title="old")

    assert as_intern.post(url("rename", conversation), {"title": title}).status_code == 422
    conversation.refresh_from_db()
    assert conversation.title == "old"


# --- Keep -------------------------------------------------------------------------------------------
def test_switches_between_saved_and_temporary(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, title="diary", used_at=timezone.now() - timedelta(days=2))

    as_intern.post(url("keep", conversation), {"kept": "no"})
    assert titles(intern) == []
    conversation.refresh_from_db()
    assert conversation.used_at > timezone.now() - timedelta(minutes=1)

    response = as_intern.post(url("keep", conversation), {"kept": "yes"})
    assertRedirects(response, url("conversation", conversation), fetch_redirect_response=False)
    assert titles(intern) == ["diary"]


@pytest.mark.parametrize("data", [{}, {"kept": "perhaps"}])
def test_requires_an_explicit_choice_to_save(intern: User, as_intern: Client, data: dict[str, str]) -> None:
    conversation = rows.conversation(intern)

    assert as_intern.post(url("keep", conversation), data).status_code == 400
    assert Conversation.objects.get().kept


# --- Delete -----------------------------------------------------------------------------------------
def test_asks_for_a_confirmation_before_deleting(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, title="thesis")

    assertContains(as_intern.get(url("delete", conversation)), "Delete “thesis”?")
    assert Conversation.objects.exists()


def test_deletes_a_conversation_with_its_content(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, ("a", "1"), ("b", "2"))
    rows.image(rows.last_answer(conversation).message)

    response = as_intern.post(url("delete", conversation))

    assertRedirects(response, reverse("playground:index"), fetch_redirect_response=False)
    assert [model.objects.count() for model in (Conversation, Message, Answer, Attachment)] == [0, 0, 0, 0]


def test_does_not_delete_while_an_answer_is_written(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern)
    rows.answer(rows.message(conversation), state=Answer.State.STREAMING)

    assertContains(as_intern.post(url("delete", conversation)), "An answer is being written", status_code=409)
    assert Conversation.objects.exists()


def test_deletes_a_conversation_whose_answer_was_abandoned(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern)
    lost = rows.answer(rows.message(conversation), state=Answer.State.STREAMING)
    rows.aged(lost.id, datetime(2026, 1, 1, tzinfo=UTC))

    as_intern.post(url("delete", conversation))

    assert not Conversation.objects.exists()


def test_deletes_columns_that_wait_for_their_turn(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, kind=Conversation.Kind.COMPARE)
    rows.answer(rows.message(conversation), "", state=Answer.State.WAITING)

    as_intern.post(url("delete", conversation))

    assert not Conversation.objects.exists()


def test_says_for_how_long_it_is_kept(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern)

    assertContains(
        as_intern.get(reverse(LIST)), f"Kept for {portal_settings.PLAYGROUND_RETENTION_DAYS} days after the last use."
    )
    assert conversation.kept


def test_the_privacy_page_says_it_too(as_intern: Client, settings: Any) -> None:
    settings.PLAYGROUND_RETENTION_DAYS = 45

    assertContains(as_intern.get(reverse("web:privacy")), "for 45 days after you last used the conversation")
