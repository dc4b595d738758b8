"""The size of a course in words, for requests and their decision."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext

from courses.services import TITLES, Size
from web.templatetags.portal import tokens, usd


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
    """Return the size that a request about a course asks for; nothing for other requests."""
    return size_lines(Size.from_json(details)) if details else []


def _value(value: Any) -> str:
    if value is None:
        return gettext("no limit")
    if isinstance(value, Decimal):
        return usd(value)
    return ", ".join(value) if isinstance(value, tuple) else tokens(value)
