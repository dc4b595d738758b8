"""The tree of a conversation: which turns are shown, their alternatives and descendants.

Reads only, in a fixed number of queries. Orphaned rows, and cycles, are skipped.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Final, Self
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, QuerySet, prefetch_related_objects

from playground.models import Answer, Attachment, Conversation, Message

Turn = tuple[Message, Answer]
PAGE_TURNS: Final = 20  # of a conversation that are shown at once
SHORT_BYTES: Final = 200_000  # so much is read at once, though some of it may not be shown
BARE: Final = (
    *("message", "state", "saved_at", "started_at"),
    *("message__conversation", "message__parent", "message__created_at"),
)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A turn of the shown branch, with its alternatives; numbers count from 1, oldest first.

    An alternative message is shown by one of its answers, so all four ids are answers' (for `playground:show`).
    """

    message: Message
    answer: Answer
    files: list[Attachment]
    message_number: int
    message_count: int
    earlier_message_answer_id: UUID | None
    later_message_answer_id: UUID | None
    answer_number: int
    answer_count: int
    earlier_answer_id: UUID | None
    later_answer_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class TurnsPage:
    """Turns of the shown branch that follow each other, in order, and what is before them."""

    turns: list[Shown]
    earlier_count: int = 0
    earlier_from: UUID | None = None  # the message where the page before this one begins


@dataclass(frozen=True)
class Tree:
    """All rows of a conversation, linked to each other; alternatives are in order, oldest first."""

    answers: dict[UUID, Answer]
    replies: dict[UUID | None, list[Message]]  # by the answer that they follow; None: opening messages
    answers_to: dict[UUID, list[Answer]]  # by message
    is_bare: bool = False  # nothing but ids, states and times

    @classmethod
    def of(cls, conversation: Conversation, *, with_parameters: bool = False) -> Self:
        """Load all rows in two queries."""
        messages = Message.objects.filter(conversation=conversation).order_by("created_at", "id")
        answers = Answer.objects.filter(message__conversation=conversation).order_by("started_at", "id")
        if with_parameters:
            answers = answers.select_related("parameters")
        return cls.from_rows(conversation, messages, answers)

    @classmethod
    def bare(cls, conversation: Conversation) -> Self:
        """Load ids, states and times of answers and their messages in one query; no page shows other messages."""
        answers = Answer.objects.select_related("message").only(*BARE)
        return replace(cls._of_answers(conversation, answers), is_bare=True)

    @classmethod
    def shown(cls, conversation: Conversation) -> Self:
        """Load answers and their messages in one query: with their content if that is short, else bare."""
        if conversation.stored_bytes > SHORT_BYTES:
            return cls.bare(conversation)
        return cls._of_answers(conversation, _with_content())

    @classmethod
    def _of_answers(cls, conversation: Conversation, answers: QuerySet[Answer]) -> Self:
        found = list(answers.filter(message__conversation=conversation).order_by("started_at", "id"))
        messages = {answer.message_id: answer.message for answer in found}
        in_order = sorted(messages.values(), key=lambda message: (message.created_at, message.id))
        return cls.from_rows(conversation, in_order, found)

    @classmethod
    def from_rows(cls, conversation: Conversation, messages: Iterable[Message], answers: Iterable[Answer]) -> Self:
        """Link the rows, so that walking the tree needs no query."""
        by_id = {message.id: message for message in messages}
        tree = cls({}, defaultdict(list), defaultdict(list))
        for answer in answers:
            if answer.message_id not in by_id:  # added between the two queries
                continue
            answer.message = by_id[answer.message_id]
            tree.answers[answer.id] = answer
            tree.answers_to[answer.message_id].append(answer)
        for message in by_id.values():
            message.conversation = conversation
            tree.replies[message.parent_id].append(message)
            if message.parent_id in tree.answers:
                message.parent = tree.answers[message.parent_id]
        return tree

    def way_to(self, answer_id: UUID | None) -> list[Turn]:
        """Return the turns from the opening message to this answer; empty when there is no such answer."""
        way: list[Turn] = []
        seen: set[UUID] = set()
        while answer_id in self.answers and answer_id not in seen:
            seen.add(answer_id)
            answer = self.answers[answer_id]
            way.append((answer.message, answer))
            answer_id = answer.message.parent_id
        return way[::-1]

    def way_shown(self, conversation: Conversation) -> list[Turn]:
        """Return the turns to the conversation's head; if it is missing, to the newest answer, not an empty page."""
        if conversation.head_id in self.answers:
            return self.way_to(conversation.head_id)
        newest = self.newest()
        return self.way_to(newest.id) if newest else []

    def below(self, start: Answer) -> Iterator[Answer]:
        """Yield the answer and its descendants, each once."""
        waiting = [start.id]
        seen: set[UUID] = set()
        while waiting:
            answer_id = waiting.pop()
            if answer_id in seen or answer_id not in self.answers:
                continue
            seen.add(answer_id)
            yield self.answers[answer_id]
            waiting += [reply.id for reply in self._replies(answer_id)]

    @cached_property
    def ends(self) -> dict[UUID, Answer]:
        """The newest leaf at or below each answer; computed in one pass."""
        ends: dict[UUID, Answer] = {}
        leaves = [answer for answer in self.answers.values() if not any(self._replies(answer.id))]
        for leaf in sorted(leaves, key=_age, reverse=True):
            answer_id: UUID | None = leaf.id
            while answer_id in self.answers and answer_id not in ends:
                ends[answer_id] = leaf
                answer_id = self.answers[answer_id].message.parent_id
        return ends

    def newest_end(self, start: Answer | Message) -> Answer | None:
        """Return the newest leaf at or below `start`; None: there is no answer."""
        if isinstance(start, Answer):
            return self.ends.get(start.id)
        found = [self.ends[answer.id] for answer in self.answers_to.get(start.id, ()) if answer.id in self.ends]
        return max(found, key=_age, default=None)

    def messages(self) -> list[Message]:
        """Return all messages, oldest first."""
        every = (message for replies in self.replies.values() for message in replies)
        return sorted(every, key=lambda message: (message.created_at, message.id))

    def newest(self) -> Answer | None:
        """Return the newest answer of all."""
        return max(self.answers.values(), key=_age, default=None)

    def alternatives_of(self, message: Message) -> list[Message]:
        """Return the alternative messages, itself included, that have an answer to show them by."""
        asked = self.replies.get(message.parent_id, [])
        return [each for each in asked if self.answers_to.get(each.id)]

    def _replies(self, answer_id: UUID) -> Iterator[Answer]:
        for message in self.replies.get(answer_id, ()):
            yield from self.answers_to.get(message.id, ())


def shown_turns(conversation: Conversation, *, with_parameters: bool = False) -> list[Shown]:
    """Return the turns of the shown branch, first to last, in three queries, one more for refused parameters."""
    tree = Tree.of(conversation, with_parameters=with_parameters)
    way = tree.way_shown(conversation)
    bring_files([message for message, _ in way])
    bring_refused_parameters(answer for _, answer in way)
    return [_shown(tree, message, answer) for message, answer in way]


def turns_page(conversation: Conversation, *, start: UUID | None = None) -> TurnsPage:
    """Return the last turns of the shown branch, of any length in two queries, in one if all of it is short.

    Files and refused parameters take one more each. `start`: the message to begin with, if it is among earlier turns.
    """
    tree = Tree.shown(conversation)
    return page_of_turns(tree, tree.way_shown(conversation), start=start)


def turns_before(conversation: Conversation, message_id: UUID) -> TurnsPage | None:
    """Return the turns before a message, on its branch, though another may be shown by now; None: it was deleted."""
    tree = Tree.bare(conversation)
    message = next((each for each in tree.messages() if each.id == message_id), None)
    return page_of_turns(tree, tree.way_to(message.parent_id)) if message else None


def page_of_turns(tree: Tree, way: Sequence[Turn], *, start: UUID | None = None) -> TurnsPage:
    """Return the last of these turns with their content, or those from the message `start` on, if that is earlier."""
    ids = [message.id for message, _ in way]
    first = max(0, len(way) - PAGE_TURNS)
    if start in ids:
        first = min(first, ids.index(start))
    return TurnsPage(
        turns=content_of_turns(tree, way[first:]),
        earlier_count=first,
        earlier_from=ids[max(0, first - PAGE_TURNS)] if first else None,
    )


def content_of_turns(tree: Tree, way: Sequence[Turn]) -> list[Shown]:
    """Load the content of turns that are known by their ids; not of those that were deleted meanwhile."""
    found = _with_content().in_bulk([answer.id for _, answer in way]) if tree.is_bare else tree.answers
    pairs = [(message, found[answer.id]) for message, answer in way if answer.id in found]
    for bare, answer in pairs:
        answer.message.conversation = bare.conversation
        if not getattr(answer, "has_files", True):
            answer.message.sent_files = []
    bring_files([answer.message for _, answer in pairs])
    bring_refused_parameters(answer for _, answer in pairs)
    return [_shown(tree, answer.message, answer) for _, answer in pairs]


def _with_content() -> QuerySet[Answer]:
    """Return answers with their messages, and whether these have files."""
    files = Attachment.objects.filter(message=OuterRef("message"))
    return Answer.objects.select_related("message").annotate(has_files=Exists(files))


def way_to(answer: Answer) -> list[Turn]:
    """Return the turns from the opening message to this answer, in three queries; with the files of messages."""
    way = Tree.of(answer.message.conversation).way_to(answer.id)
    bring_files([message for message, _ in way], with_texts=True)
    return way


def newest_end(start: Answer | Message) -> Answer:
    """Return the newest leaf at or below `start`: where to continue. Raises Answer.DoesNotExist without any."""
    message = start if isinstance(start, Message) else start.message
    end = Tree.bare(message.conversation).newest_end(start)
    if end is None:
        raise Answer.DoesNotExist
    return end


def bring_files(messages: Sequence[Message], *, with_texts: bool = False) -> None:
    """Load the files of messages that do not have them yet, in one query; their texts where they are sent."""
    files = Attachment.objects.all() if with_texts else Attachment.objects.defer("text")
    prefetch_related_objects(messages, Prefetch("attachments", files, to_attr="sent_files"))


def bring_refused_parameters(answers: Iterable[Answer]) -> None:
    """Load the parameters of answers whose model refused one: the page says whether it was left out already."""
    refused = [answer for answer in answers if answer.problem and answer.problem.get("parameter")]
    prefetch_related_objects(refused, "parameters")


def _shown(tree: Tree, message: Message, answer: Answer) -> Shown:
    messages, answers = tree.alternatives_of(message), tree.answers_to[message.id]
    ways = [tree.newest_end(each) for each in messages]
    which_message, which_answer = messages.index(message), answers.index(answer)
    return Shown(
        message=message,
        answer=answer,
        files=message.sent_files,
        message_number=which_message + 1,
        message_count=len(messages),
        earlier_message_answer_id=_id_at(ways, which_message - 1),
        later_message_answer_id=_id_at(ways, which_message + 1),
        answer_number=which_answer + 1,
        answer_count=len(answers),
        earlier_answer_id=_id_at(answers, which_answer - 1),
        later_answer_id=_id_at(answers, which_answer + 1),
    )


def _id_at(answers: Sequence[Answer | None], index: int) -> UUID | None:
    answer = answers[index] if 0 <= index < len(answers) else None
    return answer.id if answer else None


def _age(answer: Answer) -> tuple[datetime, UUID]:
    return answer.started_at, answer.id


def turn_of(answer: Answer) -> Shown:
    """Return the turn of one answer with its alternatives, though another branch may be shown; three queries at most.

    It reads no text of the rest of the conversation.
    """
    tree = Tree.bare(answer.message.conversation)
    bring_files([answer.message])
    return _shown(tree, answer.message, answer)


def only_turn(answer: Answer) -> Shown:
    """Return the turn of a new answer to a new message, which have no alternatives; no query for known files."""
    return Shown(
        message=answer.message,
        answer=answer,
        files=answer.message.sent_files,
        message_number=1,
        message_count=1,
        earlier_message_answer_id=None,
        later_message_answer_id=None,
        answer_number=1,
        answer_count=1,
        earlier_answer_id=None,
        later_answer_id=None,
    )
