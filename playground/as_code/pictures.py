"""Images and PDF files of a request, which are too long to show: the code reads them from files instead."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

SHOWN: Final = 2000  # characters of a data URL that may stand in code
_LONG: Final = re.compile(r"data:(image/(?:png|jpeg|gif|webp)|application/pdf);base64,[A-Za-z0-9+/=]+")
_SUFFIXES: Final = {"jpeg": "jpg"}
_NAMES: Final = {"application": "file"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image or a PDF file next to the program, with a generated name."""

    number: int
    media_type: str

    @property
    def file(self) -> str:
        """Return the name of its file."""
        name, _, kind = self.media_type.partition("/")
        return f"{_NAMES.get(name, name)}{self.number}.{_SUFFIXES.get(kind, kind)}"

    @property
    def head(self) -> str:
        """Return the beginning of its data URL."""
        return f"data:{self.media_type};base64,"


def in_files(body: Mapping[str, Any]) -> tuple[dict[str, Any], list[Picture]]:
    """Return the body with a Picture in place of each long data URL, and these pictures."""
    found: dict[str, Picture] = {}
    changed: dict[str, Any] = _without_data(dict(body), found)
    return changed, list(found.values())


def _without_data(value: Any, found: dict[str, Picture]) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_data(inner, found) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_data(inner, found) for inner in value]
    if isinstance(value, str) and len(value) > SHOWN and (match := _LONG.fullmatch(value)):
        return found.setdefault(value, Picture(number=len(found) + 1, media_type=match[1]))
    return value
