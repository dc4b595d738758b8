"""The text direction of blocks, set only if the answer contains letters of a right-to-left script."""

import re
from typing import Final
from unicodedata import bidirectional

from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_RIGHT_TO_LEFT: Final = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
TAGS: Final = ("p", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "table", "th", "td", "details", "summary")
_STRONG: Final = {"L": "ltr", "R": "rtl", "AL": "rtl"}


def has_right_to_left(text: str) -> bool:
    """Say whether a text contains a letter of a right-to-left script."""
    return _RIGHT_TO_LEFT.search(text) is not None


def set_directions(state: StateCore) -> None:
    """Give each block the direction of its first letter, and a list, quote or table that of its first block."""
    if not state.env["is_right_to_left"]:
        return
    above: list[Token] = []
    for token in state.tokens:
        if token.nesting == 1:
            above.append(token)
        elif token.nesting == -1:
            above.pop()
        elif token.type == "inline" and (direction := _direction(token.children or [])):
            for block in above:
                if block.tag in TAGS and "dir" not in block.attrs:
                    block.attrs["dir"] = direction


def _direction(children: list[Token]) -> str:
    """Return the direction of the first letter outside of code and formulas."""
    for child in children:
        if child.type == "text":
            for char in child.content:
                if direction := _STRONG.get(bidirectional(char)):
                    return direction
    return ""
