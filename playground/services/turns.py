"""Changes to the tree of a conversation without a model: show an alternative, delete an answer, delete it all."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from django.db import transaction
from django.utils import timezone

from playground.models import Answer, Conversation, Message
from playground.services.deletion import (
    delete_conversations,
    delete_files_of_answers,
    delete_unused_parameters_later,
)
from playground.services.quotas import recount
from playground.services.tree import Tree

T = TypeVar("T")


class UnderWay(Exception):
    """An answer that would be deleted is still running; nothing was deleted."""


def show_answer(answer: Answer) -> Conversation:
    """Show the branch through `answer` in its conversation, to its newest leaf; return that."""
    conversation = answer.message.conversation
    end = Tree.bare(conversation).newest_end(answer) or answer
    conversation.head = end
    conversation.save(update_fields=["head"])
    return conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """What is deleted with an answer, in addition to itself."""

    later_answers: int
    message: bool  # the message: this is its only answer
    conversation: bool  # nothing is left in it


def what_goes_with(answer: Answer) -> Going:
    """Return what deleting the answer deletes with it."""
    tree = Tree.bare(answer.message.conversation)
    count = sum(1 for _ in tree.below(answer))
    is_last = len(tree.answers_to[answer.message_id]) == 1
    return Going(later_answers=count - 1, message=is_last, conversation=count == len(tree.answers))


def delete_answer(answer: Answer) -> Conversation | None:
    """Delete an answer with its descendants, and its message if it was the last one; return what is left.

    None: the whole conversation was deleted with it. Raises UnderWay. If the answer was on the shown branch,
    the nearest alternative is shown, or the branch ends before the message.
    """
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update().filter(pk=answer.message.conversation_id).first()
        if conversation is None:  # another request was faster
            return None
        tree = Tree.bare(conversation)
        going = {each.id for each in tree.below(answer)}
        _refuse_under_way(tree.answers[each] for each in going)
        if going == set(tree.answers):
            delete_conversations(Conversation.objects.filter(pk=conversation.pk))
            return None
        if conversation.head_id in going:
            conversation.head = _instead_of(answer, tree)
            conversation.save(update_fields=["head"])
        is_last = going.issuperset(each.id for each in tree.answers_to[answer.message_id])
        delete_files_of_answers(going, message_id=answer.message_id if is_last else None)
        # All at once: from one answer Django would recurse a level deeper with each turn of the conversation.
        Answer.objects.filter(pk__in=going).delete()
        Message.objects.filter(pk=answer.message_id, answers=None).delete()
        recount(conversation)
        delete_unused_parameters_later(conversation.owner_id)
    return conversation


def delete_conversation(conversation: Conversation) -> None:
    """Delete a conversation with its content. Raises UnderWay."""
    with transaction.atomic():
        _refuse_under_way(Answer.objects.filter(message__conversation=conversation, state=Answer.State.STREAMING))
        delete_conversations(Conversation.objects.filter(pk=conversation.pk))


def keep_conversation(conversation: Conversation, *, kept: bool) -> None:
    """Make a conversation saved or temporary; that counts as a use of it, so there is time to reconsider."""
    conversation.kept, conversation.used_at = kept, timezone.now()
    conversation.save(update_fields=["kept", "used_at"])


def rename_conversation(conversation: Conversation, title: str) -> None:
    """Rename a conversation."""
    conversation.title = title
    conversation.save(update_fields=["title"])


def _refuse_under_way(answers: Iterable[Answer]) -> None:
    """Refuse if an answer is running; waiting ones may be deleted, and their stream then finds nothing."""
    if any(answer.is_under_way and answer.state == Answer.State.STREAMING for answer in answers):
        raise UnderWay


def _instead_of(answer: Answer, tree: Tree) -> Answer | None:
    """Return the leaf of the branch nearest to the one through `answer`; None: there is none."""
    message = tree.answers[answer.id].message
    other_answer = _nearest(tree.answers_to[message.id], tree.answers[answer.id])
    other_message = _nearest(tree.alternatives_of(message), message)
    if near := other_answer or other_message:
        return tree.newest_end(near)
    return tree.answers.get(message.parent_id) if message.parent_id else None


def _nearest(alternatives: list[T], one: T) -> T | None:
    """Return the alternative before `one`, or else the one after it."""
    at = alternatives.index(one)
    around = [*alternatives[max(at - 1, 0) : at], *alternatives[at + 1 : at + 2]]
    return around[0] if around else None
