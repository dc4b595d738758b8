"""The shown branch of a conversation, and its alternatives."""

from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import User
from playground.models import Answer, Conversation, Message
from playground.services.tree import (
    PAGE_TURNS,
    SHORT_BYTES,
    Shown,
    Tree,
    newest_end,
    shown_turns,
    turns_before,
    turns_page,
    way_to,
)
from tests.factories import make_user
from tests.playground import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return make_user()


def said(turns: list[Shown]) -> list[tuple[str, str]]:
    return [(turn.message.text, turn.answer.text) for turn in turns]


def test_shows_the_turns_from_first_to_last(owner: User) -> None:
    conversation = rows.conversation(owner, ("a", "1"), ("b", "2"), ("c", "3"))

    assert said(shown_turns(conversation)) == [("a", "1"), ("b", "2"), ("c", "3")]


def test_shows_nothing_of_an_empty_conversation(owner: User) -> None:
    assert shown_turns(rows.conversation(owner)) == []


def test_shows_the_newest_branch_without_a_head(owner: User) -> None:
    conversation = rows.conversation(owner, ("a", "1"), ("b", "2"))
    conversation.head = None

    assert said(shown_turns(conversation)) == [("a", "1"), ("b", "2")]


@pytest.mark.parametrize("length", [1, 40])
def test_asks_three_queries_for_any_length(owner: User, length: int, django_assert_max_num_queries: Any) -> None:
    conversation = rows.conversation(owner, *[("a", "1")] * length)
    rows.image(rows.last_answer(conversation).message)

    with django_assert_max_num_queries(3):
        turns = shown_turns(conversation)
        assert [turn.answer.message.conversation.owner_id for turn in turns] == [owner.id] * length
        assert [image.name for image in turns[-1].files] == ["cat.png"]


def test_numbers_the_answers_of_one_message_and_leads_to_its_neighbours(owner: User) -> None:
    conversation = rows.conversation(owner, ("a", "1"))
    first = rows.last_answer(conversation)
    second, third = rows.answer(first.message, "2"), rows.answer(first.message, "3")
    conversation.head = second

    turn = shown_turns(conversation)[0]

    assert (turn.answer_number, turn.answer_count) == (2, 3)
    assert (turn.earlier_answer_id, turn.later_answer_id) == (first.id, third.id)
    assert (turn.message_number, turn.message_count) == (1, 1)
    assert (turn.earlier_message_answer_id, turn.later_message_answer_id) == (None, None)


def test_leads_to_the_newest_end_of_an_edited_message(owner: User) -> None:
    conversation = rows.conversation(owner, ("a", "1"), ("b", "2"))
    end = rows.last_answer(conversation)
    rows.answer(rows.message(conversation, "a, edited"), "3")

    turn = shown_turns(conversation)[0]

    assert said([turn]) == [("a, edited", "3")]
    assert (turn.message_number, turn.message_count) == (2, 2)
    assert (turn.earlier_message_answer_id, turn.later_message_answer_id) == (end.id, None)


def test_a_branch_ends_at_the_requested_answer(owner: User) -> None:
    conversation = rows.conversation(owner, ("a", "1"), ("b", "2"))
    first = Answer.objects.get(text="1")
    rows.answer(first.message, "other")

    assert [(message.text, answer.text) for message, answer in way_to(first)] == [("a", "1")]
    assert [answer.text for _, answer in way_to(Answer.objects.get(text="2"))] == ["1", "2"]
    assert conversation.messages.count() == 2


def test_a_branch_loads_its_images_without_their_files(owner: User, django_assert_num_queries: Any) -> None:
    conversation = rows.conversation(owner, ("a", "1"))
    rows.image(rows.last_answer(conversation).message)

    answer = Answer.objects.select_related("message__conversation").get()

    with django_assert_num_queries(3):
        [(message, _)] = way_to(answer)
        [image] = message.sent_files
    assert "data" not in vars(image)
    assert image.data == rows.PIXEL


def test_the_newest_end_is_the_newest_leaf(owner: User) -> None:
    conversation = rows.conversation(owner, ("a", "1"), ("b", "2"))
    first = Answer.objects.get(text="1")
    older = rows.last_answer(conversation)
    rows.answer(
        rows.message(conversation, "b, edited", parent=first), "3", started_at=timezone.now() - timedelta(days=1)
    )

    assert newest_end(first) == older
    assert newest_end(first.message) == older


def test_a_message_without_answer_has_no_end(owner: User) -> None:
    with pytest.raises(Answer.DoesNotExist):
        newest_end(rows.message(rows.conversation(owner)))


def test_answers_of_the_same_moment_end_at_the_lower_one(owner: User) -> None:
    conversation = rows.conversation(owner, ("a", "1"), ("b", "2"), ("c", "3"))
    Answer.objects.update(started_at=timezone.now())

    assert newest_end(Answer.objects.get(text="1")) == rows.last_answer(conversation)


def test_a_cycle_of_rows_ends(owner: User) -> None:
    conversation = rows.conversation(owner, ("a", "1"), ("b", "2"))
    Message.objects.filter(text="a").update(parent=rows.last_answer(conversation))

    assert said(shown_turns(conversation)) == [("a", "1"), ("b", "2")]
    assert len(way_to(rows.last_answer(conversation))) == 2
    with pytest.raises(Answer.DoesNotExist):
        newest_end(Answer.objects.get(text="1"))
    start = Answer.objects.get(text="1")
    assert [answer.text for answer in islice(Tree.of(conversation).below(start), 9)] == ["1", "2"]


def test_rows_of_another_conversation_are_not_followed(owner: User) -> None:
    other = rows.conversation(owner, ("theirs", "0"))
    conversation = rows.conversation(owner, ("a", "1"))
    Message.objects.filter(text="a").update(parent=rows.last_answer(other))

    assert said(shown_turns(conversation)) == [("a", "1")]


def test_a_head_of_another_conversation_is_ignored(owner: User) -> None:
    conversation = rows.conversation(owner, ("a", "1"))

    assert said(shown_turns(Conversation(id=uuid4(), owner=owner, head=rows.last_answer(conversation)))) == []


# --- Pages of turns ---------------------------------------------------------------------------------
def test_a_page_has_the_last_turns_and_leads_to_those_before_it(owner: User) -> None:
    numbers = [str(number) for number in range(2 * PAGE_TURNS + 5)]
    conversation = rows.conversation(owner, *[(f"q{number}", number) for number in numbers])

    last = turns_page(conversation)
    middle = turns_before(conversation, last.turns[0].message.id)
    assert middle
    first = turns_before(conversation, middle.turns[0].message.id)
    assert first

    answers = [turn.answer.text for page in (first, middle, last) for turn in page.turns]
    assert answers == numbers
    assert [page.earlier_count for page in (first, middle, last)] == [0, 5, PAGE_TURNS + 5]
    assert last.earlier_from == middle.turns[0].message.id
    assert middle.earlier_from == first.turns[0].message.id
    assert first.earlier_from is None


def test_a_page_begins_with_an_earlier_message_where_one_is_named(owner: User) -> None:
    conversation = rows.conversation(owner, *[(f"q{number}", "a") for number in range(PAGE_TURNS + 9)])
    start = Message.objects.get(text="q3").pk

    assert said(turns_page(conversation, start=start).turns)[0] == ("q3", "a")
    assert len(turns_page(conversation, start=Message.objects.get(text="q20").pk).turns) == PAGE_TURNS
    assert len(turns_page(conversation, start=uuid4()).turns) == PAGE_TURNS


def test_earlier_turns_are_those_of_the_branch_of_the_message(owner: User) -> None:
    conversation = rows.conversation(owner, *[(f"q{number}", "a") for number in range(PAGE_TURNS + 2)])
    page = turns_page(conversation)
    conversation.head = rows.answer(Message.objects.get(text="q0"), "another tab shows this branch")

    earlier = turns_before(conversation, page.turns[0].message.id)

    assert earlier
    assert said(earlier.turns) == [("q0", "a"), ("q1", "a")]
    assert turns_before(conversation, uuid4()) is None


@pytest.mark.parametrize(("length", "stored_bytes", "queries"), [(1, 0, 2), (60, 0, 2), (60, SHORT_BYTES + 1, 3)])
def test_a_page_takes_three_queries_and_a_short_one_two(
    owner: User, length: int, stored_bytes: int, queries: int, django_assert_num_queries: Any
) -> None:
    conversation = rows.conversation(owner, *[("a", "1")] * length, stored_bytes=stored_bytes)
    rows.image(rows.last_answer(conversation).message)

    with django_assert_num_queries(queries):
        turns = turns_page(conversation).turns
        assert [turn.answer.message.conversation.owner_id for turn in turns] == [owner.id] * min(length, PAGE_TURNS)
        assert [turn.message.text for turn in turns] == ["a"] * min(length, PAGE_TURNS)
        assert [image.name for image in turns[-1].files] == ["cat.png"]


def test_a_page_knows_the_alternatives_of_its_turns(owner: User) -> None:
    conversation = rows.conversation(owner, ("a", "1"))
    first = rows.last_answer(conversation)
    second = rows.answer(first.message, "2")
    conversation.head = second

    [turn] = turns_page(conversation).turns

    assert (turn.answer, turn.answer_number, turn.answer_count) == (second, 2, 2)
    assert turn.earlier_answer_id == first.id
