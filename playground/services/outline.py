"""Where a conversation has alternatives, on the branch that is shown: other wordings of a message, other answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models.functions import Left

from playground.models import Answer, Conversation, Message
from playground.services.tree import Tree

START_CHARS: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """A version: how its text begins, and the answer that shows it (`playground:show`); None: there is none yet."""

    start: str
    model: str  # of an answer; "" for a message
    shown_by: UUID | None
    is_shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A message, or the answers to it, with several versions; `number` is that of the one shown, from 1."""

    turn: int
    is_message: bool
    number: int
    alternatives: list[Alternative]


def outline_of(conversation: Conversation) -> list[Place]:
    """Return the places in order; four queries, which read no more than the beginnings of texts."""
    tree = Tree.bare(conversation)
    places = list[tuple[int, Sequence[Message | Answer], int]]()
    for turn, (message, answer) in enumerate(tree.way_shown(conversation), start=1):
        wordings, answers = tree.alternatives_of(message), tree.answers_to[message.id]
        if len(wordings) > 1:
            places.append((turn, wordings, wordings.index(message)))
        if len(answers) > 1:
            places.append((turn, answers, answers.index(answer)))
    starts = _starts([each for _turn, versions, _shown in places for each in versions])
    return [_place(turn, versions, shown, tree, starts) for turn, versions, shown in places]


def _place(
    turn: int,
    versions: Sequence[Message | Answer],
    shown: int,
    tree: Tree,
    starts: Mapping[UUID, tuple[str, str]],
) -> Place:
    alternatives = []
    for number, version in enumerate(versions):
        end = tree.newest_end(version) if isinstance(version, Message) else version
        start, model = starts.get(version.id, ("", ""))
        alternatives.append(
            Alternative(start=start, model=model, shown_by=end.id if end else None, is_shown=number == shown)
        )
    return Place(turn=turn, is_message=isinstance(versions[0], Message), number=shown + 1, alternatives=alternatives)


def _starts(versions: Sequence[Message | Answer]) -> dict[UUID, tuple[str, str]]:
    """Return how the text of each begins, with the model of answers."""
    found: dict[UUID, tuple[str, str]] = {}
    ids = [each.id for each in versions]
    for pk, start in Message.objects.filter(pk__in=ids).values_list("pk", Left("text", START_CHARS)):
        found[pk] = (start, "")
    for pk, start, model in Answer.objects.filter(pk__in=ids).values_list("pk", Left("text", START_CHARS), "model"):
        found[pk] = (start, model)
    return found
