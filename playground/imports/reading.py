"""Reads an exported file, JSON or Markdown, as plain data. It bounds what the reading itself may cost.

What is in the data is checked by whoever uses them: the methods of Item.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from playground.imports.errors import NotImportable
from playground.services.buffer import storable
from playground.services.export import FORMAT

MAX_PARTS: Final = 400_000  # brackets and commas outside of texts: each may become an object in memory
OLDEST: Final = datetime(2020, 1, 1, tzinfo=UTC)
_STRING: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # one without an end, too: the search stays linear
_HEADER: Final = re.compile(rf"<!-- {FORMAT} ([0-9a-f]{{24}}) (\{{.*\}}) -->")


@dataclass(frozen=True, slots=True)
class Item:
    """An object of the file, whose values have any type until a method has checked them."""

    values: dict[str, Any]

    def text(self, name: str, *, most: int) -> str:
        """Return a text, "" if there is none; raises NotImportable for another type, or one that is too long."""
        value = self.values.get(name)
        if not isinstance(value, str | None):
            raise NotImportable("broken")
        if value and len(value) > most:
            raise NotImportable("long")
        return storable(value or "")

    def number(self, name: str, *, most: int) -> int | None:
        """Return a whole number from 0 to `most`; None without one."""
        value = self.values.get(name)
        return value if type(value) is int and 0 <= value <= most else None

    def moment(self, name: str) -> datetime:
        """Return a time between OLDEST and now; now, if it has none."""
        now = timezone.now()
        try:
            found = parse_datetime(self.text(name, most=40))
        except ValueError:
            return now
        return found if found and timezone.is_aware(found) and OLDEST <= found <= now else now

    def items(self, name: str, *, most: int) -> "list[Item]":
        """Return a list of objects; raises NotImportable if it is none, or too long."""
        value = self.values.get(name) or []
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise NotImportable("broken")
        if len(value) > most:
            raise NotImportable("many")
        return [Item(each) for each in value]

    def names(self, name: str) -> list[str]:
        """Return the texts of a list."""
        value = self.values.get(name)
        return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []

    def item(self, name: str) -> "Item":
        """Return an object; an empty one if there is none."""
        value = self.values.get(name)
        return Item(value) if isinstance(value, dict) else Item({})


def read(data: bytes) -> Item:
    """Return the conversation in an exported file. Raises NotImportable."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotImportable("not_ours") from None
    if text.startswith("<!--"):
        found = _from_markdown(text)
    else:
        _check_parts([text])
        found = _object(text)
    if found.get("format") != FORMAT:
        raise NotImportable("not_ours")
    return Item(found)


def _check_parts(texts: Iterable[str]) -> None:
    """Refuse JSON texts that would become too many objects, before they are parsed."""
    if sum(sum(map(_STRING.sub("", text).count, "[{,")) for text in texts) > MAX_PARTS:
        raise NotImportable("many")


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise NotImportable("not_ours") from None
    if not isinstance(value, dict):
        raise NotImportable("not_ours")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and infinities are no JSON


def _from_markdown(text: str) -> dict[str, Any]:
    """Return what the JSON of the same conversation would have, without files."""
    first, _newline, rest = text.partition("\n")
    if first.endswith("\r"):  # saved by an editor that has other line ends
        first, rest = first[:-1], rest.replace("\r\n", "\n")
    header = _HEADER.fullmatch(first)
    if header is None:
        raise NotImportable("not_ours")
    boundary, about = header.groups()
    _check_parts([about])
    messages: list[dict[str, Any]] = []
    answers: dict[str, list[dict[str, Any]]] = {}
    for kind, found in _marked(boundary, rest):
        if kind == "message":
            messages.append(found)
        else:
            answers.setdefault(str(found.get("message")), []).append(found)
    for message in messages:
        message["answers"] = answers.pop(str(message.get("id")), [])
    if answers:  # to messages that are not there
        raise NotImportable("broken")
    return {**_object(about), "format": FORMAT, "messages": messages}


def _marked(boundary: str, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield messages and answers, each with the text that follows it."""
    mark = re.compile(rf"^<!-- {boundary} (message|answer|text|end)(?: (\{{.*\}}))? -->$", re.MULTILINE)
    marks: Sequence[re.Match[str]] = list(mark.finditer(text))
    _check_parts(found[2] for found in marks if found[2])
    current: dict[str, Any] | None = None
    for number, found in enumerate(marks):
        kind = found[1]
        if kind in ("message", "answer"):
            if current is not None:
                yield str(current.pop("")), current
            current = {**_object(found[2] or ""), "": kind}
        elif kind == "text" and current is not None:
            end = marks[number + 1].start() if number + 1 < len(marks) else len(text)
            current["text"] = text[found.end() : end].removeprefix("\n\n").removesuffix("\n\n")
    if current is not None:
        yield str(current.pop("")), current
