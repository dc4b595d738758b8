"""The blocks at the top of a text that still grows: which of them are finished, so that no later line changes them.

A block is finished when the next one has begun, or, at the end of the text, when its kind says so: a heading with its
line, code with its closing fence, a paragraph with a blank line, a list with a line after a blank one that cannot
belong to it. Rules that look for an end further below mark a line as undecided while that end may still come.
"""

import re
from collections.abc import MutableMapping, Sequence
from typing import Any, Final, NamedTuple

from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

Env = MutableMapping[str, Any]
_AT_ONCE: Final = {"heading_open", "hr", "math_block", "bracket_display", "environment", "details_open"}
_AFTER_A_BLANK_LINE: Final = {"paragraph_open", "blockquote_open", "alert_open", "table_open"}
_NEIGHBOURS: Final = {  # lists, and what has no HTML in its place: `nest_lists` looks at all of them together
    "bullet_list_open",
    "ordered_list_open",
    "footnote_reference_open",
    "",
}
_NO_PART_OF_A_LIST: Final = re.compile(r"(?!\[|[-+*](?:[ \t]|$)|\d+(?:$|[.)](?:[ \t]|$)))\S")  # nor a definition
_CLOSING_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*")


class Block(NamedTuple):
    """A block at the top of the text: its first line, the first of its tokens, and the kind of that one."""

    line: int
    token: int
    kind: str  # empty: it has no HTML


class Cut(NamedTuple):
    """The end of the finished blocks: a line, and how many tokens and blocks are before it."""

    line: int
    tokens: int
    blocks: int


def note_block(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:  # noqa: N803  (called by name)
    """Note where a block at the top begins; it is a rule that never matches."""
    if state.level == 0 and not silent:
        state.env.setdefault("starts", []).append((startLine, len(state.tokens)))
    return False


def note_undecided(state: StateBlock, line: int, end: int) -> None:
    """Note that the lines after `end` may decide how this line is parsed, if the text ends there."""
    if end == len(state.bMarks) - 1:
        state.env["undecided"] = min(line, state.env.get("undecided", line))


def may_end_a_list(line: str) -> bool:
    """Say whether a line after a blank one, or only its beginning, is certainly not part of a list or note above it."""
    return _NO_PART_OF_A_LIST.match(line) is not None


def blocks_of(state: StateCore) -> list[Block]:
    """Return the blocks of a text that was parsed with `note_block`."""
    starts: list[tuple[int, int]] = state.env.get("starts", [])
    ends = [*(token for _, token in starts[1:]), len(state.tokens)]
    return [
        Block(line, token, state.tokens[token].type if token < end else "")
        for (line, token), end in zip(starts, ends, strict=False)
    ]


def finished(state: StateCore, blocks: Sequence[Block], following: str) -> Cut:
    """Return where the finished blocks end; the text has whole lines, `following` is the begun line after them."""
    lines = state.src.split("\n")[:-1]
    undecided = state.env.get("undecided", len(lines))
    cut = Cut(0, 0, 0)
    for number, block in enumerate(blocks):
        rest = blocks[number + 1 :]
        end = rest[0].line if rest else len(lines)
        if end > undecided:
            break
        if rest and {block.kind, rest[0].kind} <= _NEIGHBOURS:
            continue
        if not rest and not _is_closed(state, block, lines, following):
            break
        cut = Cut(end, rest[0].token if rest else len(state.tokens), number + 1)
    return cut


def _is_closed(state: StateCore, block: Block, lines: Sequence[str], following: str) -> bool:
    """Say whether the last block is finished though nothing follows yet."""
    if block.kind in _AT_ONCE:
        return True
    token = state.tokens[block.token] if block.kind else None
    if token and block.kind == "fence":
        return is_closed_fence(token, lines)
    is_after_a_blank_line = not lines[-1].strip()
    if block.kind in _AFTER_A_BLANK_LINE:
        return is_after_a_blank_line
    return is_after_a_blank_line and may_end_a_list(following)


def is_closed_fence(token: Token, lines: Sequence[str]) -> bool:
    """Say whether a block of code has its closing fence."""
    first, end = token.map or (0, 0)
    closing = _CLOSING_FENCE.fullmatch(lines[end - 1]) if end - first > 1 else None
    return bool(closing and closing[1].startswith(token.markup))
