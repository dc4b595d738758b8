"""The size of a course in words, for requests and their decision."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext

from courses.services import TITLES, Size
from web.amounts import usd_limit
from web.templatetags.portal import tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeLine:
    """One value of a course; `is_beyond` the policy of whoever asks."""

    title: str
    value: str
    is_beyond: bool = False


def size_lines(size: Size, beyond: Collection[str] = ()) -> list[SizeLine]:
    """Return the values of a size, with those `beyond` the policy marked."""
    return [
        SizeLine(title=str(title), value=_value(getattr(size, name)), is_beyond=name in beyond)
        for name, title in TITLES.items()
    ]


def size_of_request(details: dict[str, Any]) -> list[SizeLine]:
    """Return the size that a request about a course asks for; nothing for other requests.

    Where the course runs, with what it had when it was requested.
    """
    if not details:
        return []
    lines = size_lines(Size.from_json(details))
    if "before" not in details:
        return lines
    return [
        line if line.value == old.value else replace(line, value=_grown(line.value, old.value))
        for line, old in zip(lines, size_lines(Size.from_json(details["before"])), strict=True)
    ]


def _grown(value: str, old: str) -> str:
    return gettext("%(value)s, now %(old)s") % {"value": value, "old": old}


def _value(value: Any) -> str:
    if value is None:
        return gettext("no limit")
    if isinstance(value, Decimal):
        return usd_limit(value)
    return ", ".join(value) if isinstance(value, tuple) else tokens(value)
