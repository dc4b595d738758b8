"""JSON as a literal of Python, JavaScript, R or JSON itself, formatted for reading. Text never becomes code in it."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from keys.quoting import readable_in_code, readable_in_json
from playground.as_code.pictures import Picture

WIDTH: Final = 100  # characters of a line, if its parts allow it
PIECE: Final = 80  # characters of a line of a long text
_WORDS: Final = re.compile(r"[^ \n]*(?:\n| +|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a language writes values. `brackets` are those of a list and of an object; R has words for the empty ones."""

    indent: int
    words: tuple[str, str, str]  # null, true, false
    brackets: tuple[tuple[str, str], tuple[str, str]]
    empty: tuple[str, str] = ("[]", "{}")
    pad: str = ""  # inside the brackets of an object on one line
    last_comma: bool = True
    pieces: tuple[str, str, str] | None = None  # around and between the lines of a long text
    quote: Callable[[str], str]
    entry: Callable[[str], str]  # a name with what follows it
    picture: Callable[[Picture], str]

    def write(self, value: Any, *, depth: int = 0, used: int = 0) -> str:
        """Return the literal; its further lines are indented by `depth`, `used` characters precede it."""
        if not self._is_long(value):
            line = self._inline(value)
            if "\n" not in line and len(line) + used + depth * self.indent < WIDTH:
                return line
        return self._broken(value, depth)

    def _broken(self, value: Any, depth: int) -> str:
        if isinstance(value, Mapping) and value:
            rows = [self.entry(name) + self._inner(value[name], name, depth) for name in value]
            return self._rows(self.brackets[1], rows, ",", depth, last_comma=self.last_comma)
        if isinstance(value, Sequence) and not isinstance(value, str) and value:
            rows = [self.write(inner, depth=depth + 1) for inner in value]
            return self._rows(self.brackets[0], rows, ",", depth, last_comma=self.last_comma)
        if isinstance(value, str) and self.pieces and len(pieces := text_pieces(value)) > 1:
            start, between, end = self.pieces
            return self._rows((start, end), [self.quote(piece) for piece in pieces], between, depth)
        return self._inline(value)

    def _inner(self, value: Any, name: str, depth: int) -> str:
        return self.write(value, depth=depth + 1, used=len(self.entry(name)))

    def _rows(
        self, around: tuple[str, str], rows: list[str], between: str, depth: int, *, last_comma: bool = False
    ) -> str:
        margin = " " * self.indent * depth
        inner = f"\n{margin}{' ' * self.indent}"
        end = between if last_comma else ""
        return f"{around[0]}{inner}{(between + inner).join(rows)}{end}\n{margin}{around[1]}"

    def _is_long(self, value: Any) -> bool:
        """Whether it contains a text that takes more than a line."""
        if isinstance(value, Mapping):
            return any(self._is_long(inner) for inner in value.values())
        if isinstance(value, str):
            return len(value) > WIDTH or (self.pieces is not None and "\n" in value.rstrip("\n"))
        return isinstance(value, Sequence) and any(self._is_long(inner) for inner in value)

    def _inline(self, value: Any) -> str:
        if isinstance(value, str):
            return self.quote(value)
        if isinstance(value, Picture):
            return self.picture(value)
        if value is None or isinstance(value, bool):
            return self.words[0 if value is None else 1 if value else 2]
        if isinstance(value, Mapping):
            inner = ", ".join(self.entry(name) + self._inline(value[name]) for name in value)
            start, end = self.brackets[1]
            return f"{start}{self.pad}{inner}{self.pad}{end}" if value else self.empty[1]
        if isinstance(value, Sequence):
            start, end = self.brackets[0]
            return f"{start}{', '.join(map(self._inline, value))}{end}" if value else self.empty[0]
        return json.dumps(value)  # a number


def text_pieces(text: str) -> list[str]:
    """Split a text after its line breaks, and long lines after spaces; the pieces joined are the text."""
    pieces = [""]
    for word in _WORDS.findall(text):
        if pieces[-1].endswith("\n") or (pieces[-1] and len(pieces[-1]) + len(word.rstrip()) > PIECE):
            pieces.append("")
        pieces[-1] += word
    return pieces[:-1] if len(pieces) > 1 and not pieces[-1] else pieces


def _in_json(text: str) -> str:
    return f'"{readable_in_json(text)}"'


def _in_code(text: str) -> str:
    return f'"{readable_in_code(text)}"'


_BARE: Final = partial(re.fullmatch, r"[A-Za-z][A-Za-z0-9_]*")
_WORDS_OF_R: Final = frozenset(
    (
        "if",
        "else",
        "repeat",
        "while",
        "function",
        "for",
        "next",
        "break",
        "in",
        "TRUE",
        "FALSE",
        "NULL",
        "Inf",
        "NaN",
        "NA",
        "NA_integer_",
        "NA_real_",
        "NA_character_",
        "NA_complex_",
    )
)


def _javascript_name(name: str) -> str:
    if name == "__proto__":  # bare or quoted it would set the prototype, not a field
        return '["__proto__"]: '
    return f"{name}: " if _BARE(name) else f"{_in_json(name)}: "


def _r_name(name: str) -> str:
    return f"{name} = " if _BARE(name) and name not in _WORDS_OF_R else f"{_in_code(name)} = "


_LISTS: Final = (("[", "]"), ("{", "}"))
PYTHON: Final = Dialect(
    indent=4,
    words=("None", "True", "False"),
    brackets=_LISTS,
    pieces=("(", "", ")"),
    quote=_in_code,
    entry=lambda name: f"{_in_code(name)}: ",
    picture=lambda picture: f"image{picture.number}",
)
JAVASCRIPT: Final = Dialect(
    indent=2,
    words=("null", "true", "false"),
    brackets=_LISTS,
    pad=" ",
    pieces=("(", " +", ")"),
    quote=_in_json,
    entry=_javascript_name,
    picture=lambda picture: f"image{picture.number}",
)
R: Final = Dialect(
    indent=2,
    words=("NULL", "TRUE", "FALSE"),
    brackets=(("list(", ")"), ("list(", ")")),
    empty=("list()", "setNames(list(), character())"),
    last_comma=False,
    pieces=("paste0(", ",", ")"),
    quote=_in_code,
    entry=_r_name,
    picture=lambda picture: f"image{picture.number}",
)
JSON: Final = Dialect(
    indent=2,
    words=("null", "true", "false"),
    brackets=_LISTS,
    last_comma=False,
    quote=_in_json,
    entry=lambda name: f"{_in_json(name)}: ",
    picture=lambda picture: f'"{picture.head}\n{picture.file}\n"',  # languages.py cuts it out there
)
