"""Alternatives to page through, and answers that are deleted with their descendants."""

from decimal import Decimal

from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import User
from playground.models import Answer, Conversation, Message
from playground.services.tree import shown_turns
from tests.conftest import HTMX
from tests.playground import rows


def url(name: str, answer: Answer) -> str:
    return reverse(f"playground:{name}", args=[answer.pk])


def page(conversation: Conversation) -> str:
    return reverse("playground:conversation", args=[conversation.pk])


def said(conversation: Conversation) -> list[tuple[str, str]]:
    conversation.refresh_from_db()
    return [(turn.message.text, turn.answer.text) for turn in shown_turns(conversation)]


def find(text: str) -> Answer:
    return Answer.objects.get(text=text)


# --- Show -------------------------------------------------------------------------------------------
def test_shows_the_newest_end_of_an_alternative(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, ("a", "1"), ("b", "2"))
    rows.answer(find("1").message, "1, again")
    assert said(conversation) == [("a", "1, again")]

    response = as_intern.post(url("show", find("1")))

    there = f"{page(conversation)}?from={find('1').message_id}#message-{find('1').message_id}"
    assertRedirects(response, there, fetch_redirect_response=False)
    assert said(conversation) == [("a", "1"), ("b", "2")]


def test_answers_htmx_with_the_conversation(intern: User, as_intern: Client) -> None:
    rows.conversation(intern, ("a", "first answer"))
    rows.answer(find("first answer").message, "second answer")

    response = as_intern.post(url("show", find("first answer")), headers=HTMX)

    assert response.content.strip().startswith(b'<div id="playground-conversation"')
    assertContains(response, "first answer")


def test_lists_where_there_are_versions_and_shows_one(
    intern: User, as_intern: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    conversation = rows.conversation(intern, ("a", "first answer"), ("b", "2"))
    versions = reverse("playground:branches", args=[conversation.pk])
    assertContains(as_intern.get(versions), "There is one version of every message and answer.")
    rows.answer(find("first answer").message, "second answer " * 50, model="other-model")
    rows.answer(rows.message(conversation, "b, reworded", parent=find("first answer")), "2, again")

    with django_assert_max_num_queries(20):
        listed = as_intern.get(versions)

    assertContains(listed, "Answer to message 1: 1 of 2")
    assertContains(listed, "Message 2: 2 of 2")
    assertContains(listed, "other-model")
    assertContains(listed, 'type="submit" aria-current="true"', 2)
    assertNotContains(listed, "second answer " * 20)
    assertContains(listed, f'action="{url("show", find("2"))}"', 1)  # the other wording, by its newest answer
    assertContains(as_intern.get(page(conversation)), f'href="{versions}"', 3)  # two pagers and the menu
    as_intern.post(url("show", find("2")))
    assert said(conversation)[-1] == ("b", "2")


def test_paging_does_not_extend_the_retention(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, ("a", "1"))
    before = conversation.used_at

    as_intern.post(url("show", find("1")))

    conversation.refresh_from_db()
    assert conversation.used_at == before


# --- Delete -----------------------------------------------------------------------------------------
def test_says_what_is_deleted_with_it(intern: User, as_intern: Client) -> None:
    rows.conversation(intern, ("a", "1"), ("b", "2"), ("c", "3"))
    rows.answer(find("2").message, "2, again")

    assertContains(as_intern.get(url("delete_answer", find("1"))), "It is all there is in this conversation")
    assertContains(as_intern.get(url("delete_answer", find("2"))), "1 later answer.")
    assertContains(as_intern.get(url("delete_answer", find("2, again"))), "The other answers to the same message stay.")
    assertContains(as_intern.get(url("delete_answer", find("3"))), "the only answer to your message")
    assert Answer.objects.count() == 4


def test_deletes_what_follows_and_goes_on_with_the_nearest_alternative(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, ("a", "1"))
    first = find("1")
    rows.answer(rows.message(conversation, "b", parent=first), "after the first")
    middle = rows.answer(first.message, "2")
    rows.answer(first.message, "3, the newest but for what goes")
    rows.answer(rows.message(conversation, "c", parent=middle), "after the middle")

    response = as_intern.post(url("delete_answer", middle))

    assertRedirects(response, page(conversation), fetch_redirect_response=False)
    assert said(conversation) == [("a", "1"), ("b", "after the first")]
    assert not Message.objects.filter(text="c").exists()


def test_deletes_the_message_with_its_only_answer_and_shows_the_other_wording(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, ("a", "1"), ("b", "2"))
    edited = rows.answer(rows.message(conversation, "b, edited", parent=find("1")), "3")

    as_intern.post(url("delete_answer", edited))

    assert said(conversation) == [("a", "1"), ("b", "2")]
    assert not Message.objects.filter(text="b, edited").exists()


def test_ends_before_the_message_without_alternatives(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, ("a", "1"), ("b", "2"), ("c", "3"))

    as_intern.post(url("delete_answer", find("2")))

    assert said(conversation) == [("a", "1")]
    assert Message.objects.count() == 1


def test_keeps_the_shown_branch_when_another_is_deleted(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, ("a", "1"))
    shown = rows.answer(find("1").message, "2")

    as_intern.post(url("delete_answer", find("1")))

    assert rows.last_answer(conversation) == shown


def test_the_last_answer_takes_the_conversation_with_it(intern: User, as_intern: Client) -> None:
    rows.conversation(intern, ("a", "1"))

    response = as_intern.post(url("delete_answer", find("1")))

    assertRedirects(response, reverse("playground:index"), fetch_redirect_response=False)
    assert not Conversation.objects.exists()


def test_refuses_while_it_or_a_descendant_is_running(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, ("a", "1"))
    rows.answer(rows.message(conversation, "b", parent=find("1")), "", state=Answer.State.STREAMING)

    assertContains(as_intern.post(url("delete_answer", find("1"))), "An answer is being written", status_code=409)
    assert Answer.objects.count() == 2


def test_deletes_an_alternative_of_a_running_answer(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, ("a", "1"))
    writing = rows.answer(find("1").message, "", state=Answer.State.STREAMING)

    as_intern.post(url("delete_answer", find("1")))

    assert list(Answer.objects.all()) == [writing]
    assert rows.last_answer(conversation) == writing


def test_deletes_the_beginning_of_a_very_long_conversation(intern: User, as_intern: Client) -> None:
    conversation = rows.conversation(intern, ("first", "kept"), *[("a", "1")] * 600)
    second = Message.objects.get(parent=find("kept")).answers.get()

    as_intern.post(url("delete_answer", second))

    assert said(conversation) == [("first", "kept")]
    assert Message.objects.count() == 1


def test_the_line_of_figures_marks_an_estimated_cost(as_intern: Client, intern: User) -> None:
    conversation = rows.conversation(intern, ("a", "1"))
    for source, number in (("reported", 0), ("listed", 2)):  # in the line and among all figures
        rows.answer(rows.last_answer(conversation).message, "2", cost_usd=Decimal("0.25"), cost_source=source)
        page = as_intern.get(reverse("playground:conversation", args=[conversation.pk]))
        assertContains(page, "(estimate)", count=number)
