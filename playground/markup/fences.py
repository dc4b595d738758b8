"""Blocks of code in lists whose lines models forget to indent: to CommonMark the list would end there."""

import re
from typing import Final

from markdown_it.rules_block import StateBlock, fence

from playground.markup.blocks import note_undecided

_FENCE: Final = re.compile(r"(`{3,}|~{3,})")


def fence_block(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:  # noqa: N803  (called by name)
    """Parse a block of code up to its closing fence, even if that is indented less than the list's text."""
    opening = _FENCE.match(state.src, state.bMarks[startLine] + state.tShift[startLine], state.eMarks[startLine])
    indent = state.blkIndent
    if silent or not opening or not indent or not _is_closed(state, startLine, endLine, opening[1]):
        return fence(state, startLine, endLine, silent)
    state.blkIndent = 0
    try:
        return fence(state, startLine, endLine, silent)
    finally:
        state.blkIndent = indent
        if state.line >= endLine:  # that line was indented too much to close it
            note_undecided(state, startLine, endLine)


def _is_closed(state: StateBlock, start: int, end: int, marks: str) -> bool:
    """Whether a line outside of the list closes this fence, before another fence with a language opens."""
    for line in range(start + 1, end):
        text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].rstrip()
        if text.startswith(marks):
            return not text.strip(marks[0])
    note_undecided(state, start, end)
    return False
