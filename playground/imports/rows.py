"""Turns the data of an exported file into rows of a new conversation, and counts what is left out.

Ids are new: those of the file only link its parts. No figure of an answer is taken over, since nobody here paid.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.conf import settings

from accounts.models import User
from playground import presets
from playground.forms.fields import NAME
from playground.forms.files import clean_name
from playground.imports.errors import NotImportable
from playground.imports.files import attachments_of, pictures_of
from playground.imports.reading import Item, read
from playground.models import Answer, Conversation, Message, ParameterSet
from playground.parameters import PARAMETERS
from playground.services.insertion import NewRows
from playground.services.titles import title_of

MAX_MESSAGES: Final = 2_000
MAX_ANSWERS: Final = 4_000
MAX_SETTINGS: Final = 100  # different ones: each is checked like a form
MAX_CHOICES: Final = 3  # further ones of an answer
MAX_CALLS: Final = 128
MAX_SOURCES: Final = 100
MAX_NAMES: Final = 20
TEXT_CHARS: Final = 1_000_000
TITLE_CHARS: Final = 100
NAME_CHARS: Final = 200
ENDED: Final = (Answer.State.COMPLETE, Answer.State.STOPPED, Answer.State.FAILED)


@dataclass(kw_only=True)
class Imported:
    """Unsaved rows, and what of the file is not in them: how many of what."""

    rows: NewRows
    left_out: Counter[str] = field(default_factory=Counter)
    dropped_settings: set[str] = field(default_factory=set)


def imported(owner: User, data: bytes, *, conversation_id: UUID | None = None) -> Imported:
    """Return the conversation of a file for `owner`, with this id or a new one. Raises NotImportable."""
    try:
        return _Builder(owner, read(data), conversation_id or uuid4()).build()
    except RecursionError:  # nested as deep as the reader allows
        raise NotImportable("broken") from None


class _Builder:
    """Builds the rows of one conversation."""

    def __init__(self, owner: User, found: Item, conversation_id: UUID) -> None:
        self.owner = owner
        self.found = found
        rows = NewRows(conversation=Conversation(id=conversation_id, owner=owner))
        self.made = Imported(rows=rows)
        self.messages: dict[str, Message] = {}  # by the ids in the file
        self.answers: dict[str, Answer] = {}
        self.settings: dict[str, dict[str, Any]] = {}  # checked, by the JSON of those in the file

    def build(self) -> Imported:
        """Check everything, and return the rows."""
        if self.found.text("kind", most=20) != Conversation.Kind.CHAT:
            raise NotImportable("kind")
        messages = self.found.items("messages", most=MAX_MESSAGES)
        for item in messages:
            self._add_message(item)
        self._link(messages)
        self._finish()
        return self.made

    def _add_message(self, item: Item) -> None:
        text = item.text("text", most=settings.PLAYGROUND_PROMPT_CHARS)
        message = Message(
            conversation=self.made.rows.conversation,
            name=self._message_name(item),
            text=text,
            created_at=item.moment("created_at"),
        )
        _register(self.messages, item, message)
        self.made.rows.messages.append(message)
        self.made.rows.files += attachments_of(item, message, self.made.left_out)
        for answer in item.items("answers", most=MAX_ANSWERS):
            self._add_answer(answer, message)

    def _message_name(self, item: Item) -> str:
        """Return the name of who says it; "" for one that could not be sent."""
        name = item.text("name", most=TEXT_CHARS)
        if not name or NAME.fullmatch(name):
            return name
        self.made.left_out["names"] += 1
        return ""

    def _add_answer(self, item: Item, message: Message) -> None:
        if len(self.answers) == MAX_ANSWERS:
            raise NotImportable("many")
        params = item.item("params")
        state = item.text("state", most=20)
        answer = Answer(
            message=message,
            imported=True,
            model=_model_name(item) or _model_name(params) or "?",
            parameters=ParameterSet.of(self.owner.pk, self._checked(params)),
            state=state if state in ENDED else Answer.State.STOPPED,
            started_at=item.moment("started_at"),
            ended_at=item.moment("ended_at") if item.values.get("ended_at") else None,
        )
        _register(self.answers, item, answer)
        pictures, ids = pictures_of(item, answer, self.made.left_out)
        for name, value in _choice(item).items():
            setattr(answer, name, value)
        answer.extras = self._extras(item.item("extras"), ids)
        answer.others = [
            {**_choice(other), **self._extras(other, ids)} for other in item.items("others", most=MAX_CHOICES)
        ]
        self.made.rows.answers.append(answer)
        used = {name for extras in (answer.extras, *answer.others) for name in extras.get("images", ())}
        self.made.rows.pictures += [picture for picture in pictures if str(picture.pk) in used]
        self.made.left_out["problems"] += bool(item.values.get("problem"))

    def _extras(self, item: Item, ids: Mapping[str, str]) -> dict[str, Any]:
        """Return pictures that are in the file, sources with a web address, and names of what was not shown."""
        named = item.names("images")
        images = [ids[name] for name in named if name in ids]
        given = item.items("sources", most=MAX_SOURCES)
        sources = [source for each in given if (source := _source(each))]
        unshown = [clean_name(name)[:40] for name in item.names("unshown")[:MAX_NAMES]]
        self.made.left_out["pictures"] += len(named) - len(images)
        self.made.left_out["sources"] += len(given) - len(sources)
        found = {"images": images, "sources": sources, "unshown": unshown}
        return {name: value for name, value in found.items() if value}

    def _checked(self, params: Item) -> dict[str, Any]:
        """Return the valid settings; others are named in `dropped_settings`."""
        given = {name: value for name, value in params.values.items() if name not in ("model", "models")}
        written = json.dumps(given, sort_keys=True)
        if written not in self.settings:
            if len(self.settings) == MAX_SETTINGS:
                raise NotImportable("many")
            known = {name: value for name, value in given.items() if _is_typed(name, value)}
            preset = presets.from_params(known, models=[])
            self.settings[written] = preset.params
            self.made.dropped_settings.update(clean_name(name)[:40] for name in given if name not in preset.params)
        return self.settings[written]

    def _link(self, messages: list[Item]) -> None:
        """Set what each message follows; raises NotImportable unless they form trees."""
        for item in messages:
            follows = item.text("follows", most=NAME_CHARS)
            if follows and follows not in self.answers:
                raise NotImportable("broken")
            self.messages[_id_of(item)].parent = self.answers.get(follows)
        reached: set[UUID] = set()
        for message in self.made.rows.messages:
            path: set[UUID] = set()
            current: Message | None = message
            while current is not None and current.pk not in reached:
                if current.pk in path:
                    raise NotImportable("broken")
                path.add(current.pk)
                current = current.parent.message if current.parent else None
            reached |= path

    def _finish(self) -> None:
        rows, params = self.made.rows, self.found.item("params")
        if not rows.answers:
            raise NotImportable("empty")
        shown = [self.answers[name] for name in self.found.names("shown")[-1:] if name in self.answers]
        rows.head = shown[0] if shown else max(rows.answers, key=lambda answer: answer.started_at)
        if sum(file.size for file in rows.files) > settings.PLAYGROUND_CONVERSATION_IMAGE_MB * 1_000_000:
            raise NotImportable("many")
        conversation = rows.conversation
        conversation.title = title_of(self.found.text("title", most=TEXT_CHARS), longest=TITLE_CHARS)
        conversation.created_at = self.found.moment("created_at")
        conversation.model_names = [_model_name(params) or rows.head.model]
        conversation.parameters = ParameterSet.of(self.owner.pk, self._checked(params))


def _choice(item: Item) -> dict[str, Any]:
    """Return the content of one choice."""
    calls = item.items("tool_calls", most=MAX_CALLS)
    return {
        "text": item.text("text", most=TEXT_CHARS),
        "reasoning": item.text("reasoning", most=TEXT_CHARS),
        "tool_calls": [
            {
                "id": call.text("id", most=NAME_CHARS),
                "name": call.text("name", most=NAME_CHARS),
                "arguments": call.text("arguments", most=TEXT_CHARS),
            }
            for call in calls
        ],
        "finish_reason": item.text("finish_reason", most=40),
    }


def _register(known: dict[str, Any], item: Item, row: Message | Answer) -> None:
    name = _id_of(item)
    if not name or name in known:
        raise NotImportable("broken")
    known[name] = row


def _id_of(item: Item) -> str:
    return item.text("id", most=NAME_CHARS)


def _model_name(item: Item) -> str:
    name = item.text("model", most=NAME_CHARS)
    return name if name.isprintable() else ""


def _source(item: Item) -> dict[str, str] | None:
    """Return a source of an answer; None without a web address."""
    url, title = item.text("url", most=TEXT_CHARS), item.text("title", most=TEXT_CHARS)
    return {"url": url, "title": clean_name(title) if title else ""} if _is_web_address(url) else None


def _is_typed(name: str, value: Any) -> bool:
    """Return whether it can be a value of this setting; the form checks the rest."""
    kind = PARAMETERS[name].kind if name in PARAMETERS else "text"
    if name not in presets.NAMES or kind == "json":
        return name in presets.NAMES
    if kind == "lines":
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if kind == "check":
        return value is True
    return isinstance(value, str if kind == "text" else str | int | float)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and url.isprintable() and len(url) <= 2000
