"""Lists as models write them: points under a number that are indented by two spaces, task boxes."""

from typing import Final

from markdown_it.rules_core import StateCore
from markdown_it.token import Token

TICKED, OPEN = "\u2611\u00a0", "\u2610\u00a0"
LEAST_INDENT: Final = 2


def nest_lists(state: StateCore) -> None:
    """Nest points that are indented, though too little for CommonMark, under the number before them."""
    lines = state.src.split("\n")
    out: list[Token] = []
    ends: list[Token] = []  # of the number and its list, during the points under it
    is_nested = False
    for token in state.tokens:
        follows = token.level == 0 and bool(out) and out[-1].type == "ordered_list_close"
        if follows and token.type == "bullet_list_open" and _indent(lines, token) >= LEAST_INDENT:
            ends = out[-2:]
            del out[-2:]
        elif follows and is_nested and token.type == "ordered_list_open" and "start" in token.attrs:
            out.pop()  # it continues the numbering
            is_nested = False
            continue
        out.append(token)
        is_nested = bool(ends) and token.level == 0 and token.type == "bullet_list_close"
        if is_nested:
            out += ends
            ends = []
    state.tokens = out


def _indent(lines: list[str], token: Token) -> int:
    line = lines[token.map[0]] if token.map else ""
    return len(line) - len(line.lstrip(" "))


def tick_boxes(state: StateCore) -> None:
    """Begin each task with its box as a character: it is read, copied and printed like the text."""
    box = ""
    for token in state.tokens:
        if token.type == "list_item_open" and "checked" in token.meta:
            box = TICKED if token.meta["checked"] else OPEN
            token.attrs["class"] = "ps-task"
        elif box and token.type == "inline" and token.children is not None:
            token.children.insert(0, Token("text", "", 0, content=box))
            box = ""
        elif token.type == "list_item_close":
            box = ""  # of an empty task: the next text is not its own
