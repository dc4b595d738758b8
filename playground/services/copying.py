"""Copies the turns that somebody reads into a conversation of their own."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from accounts.models import User
from playground.models import Answer, Conversation, Message, StoredFile
from playground.services.insertion import NewRows, insert
from playground.services.tree import Shown

CONTENT: Final = (
    "model",
    "state",
    "text",
    "reasoning",
    "tool_calls",
    "finish_reason",
    "imported",
    "started_at",
    "ended_at",
)
OF_MESSAGES: Final = ("name", "text", "created_at")
OF_ATTACHMENTS: Final = ("name", "position", "text", "pages", "tokens")
File = TypeVar("File", bound=StoredFile)


def copy_turns(owner: User, turns: Sequence[Shown], *, title: str, **settings: Any) -> Conversation:
    """Copy what was written, without parameters, figures and payers; return the conversation of `owner`.

    `settings` are fields of that conversation. Files whose data are missing are left out. Raises AskRefused, or
    StorageUnavailable.
    """
    rows = NewRows(conversation=Conversation(owner=owner, title=title, **settings))
    for turn in turns:
        message = Message(conversation=rows.conversation, parent=rows.head, **_of(turn.message, OF_MESSAGES))
        answer = Answer(message=message, **_of(turn.answer, CONTENT))
        if answer.state in Answer.UNDER_WAY:  # its process died, which no task has recorded yet
            answer.state = Answer.State.STOPPED
        for file in turn.message.attachments.all():
            rows.files += _copied(file, message=message, **_of(file, OF_ATTACHMENTS))
        new_ids = _copy_pictures(rows, turn.answer, answer)
        answer.extras = _with_ids(turn.answer.extras, new_ids)
        answer.others = [_with_ids(other, new_ids) for other in turn.answer.others]
        rows.messages.append(message)
        rows.answers.append(answer)
        rows.head = answer
    rows.conversation.model_names = [rows.head.model] if rows.head else []
    return insert(owner, rows)


def _copy_pictures(rows: NewRows, answer: Answer, copy: Answer) -> dict[str, str]:
    """Add copies of the pictures of an answer; return their ids by those of the originals."""
    ids: dict[str, str] = {}
    if any("images" in extras for extras in (answer.extras, *answer.others)):
        for picture in answer.images.all():
            for made in _copied(picture, answer=copy):
                rows.pictures.append(made)
                ids[str(picture.pk)] = str(made.pk)
    return ids


def _copied(file: File, **fields: Any) -> list[File]:
    """Return an unsaved row with the data of `file`; nothing if they are missing."""
    try:
        data = file.data
    except FileNotFoundError:
        return []
    copy = type(file)(media_type=file.media_type, size=len(data), **fields)
    copy.data = data
    return [copy]


def _with_ids(extras: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """Return the extras with the pictures' new ids; without those that are missing."""
    images = [ids[each] for each in extras.get("images", ()) if each in ids]
    rest = {name: value for name, value in extras.items() if name != "images"}
    return {**rest, "images": images} if images else rest


def _of(row: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
