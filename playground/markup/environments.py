r"""Finds formulas that begin with \begin{…} and have no delimiters around them."""

import re
from typing import Final

from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from playground.markup.blocks import note_undecided

_NAMES: Final = (
    "equation|multline|gather|gathered|align|aligned|alignat|alignedat|flalign|eqnarray|split|array"
    "|matrix|pmatrix|bmatrix|Bmatrix|vmatrix|Vmatrix|smallmatrix|cases|dcases|rcases"
)
_OPENING: Final = re.compile(rf"\\begin\{{((?:{_NAMES})\*?)\}}")
_AFTER: Final = re.compile(r"[ \t]*[.,;]?[ \t]*")


def environment_inline(state: StateInline, silent: bool) -> bool:
    """Parse an environment within a paragraph."""
    if state.src[state.pos] != "\\" or not (opening := _OPENING.match(state.src, state.pos)):
        return False
    closing = rf"\end{{{opening[1]}}}"
    end = state.src.find(closing, opening.end())
    if end < 0:
        return False
    if not silent:
        token = state.push("environment", "math", 0)
        token.content = state.src[state.pos : end + len(closing)]
    state.pos = end + len(closing)
    return True


def environment_block(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:  # noqa: N803  (by name)
    """Parse the lines of an environment, so that no list begins within and no blank line ends it."""
    start = state.bMarks[startLine] + state.tShift[startLine]
    opening = _OPENING.match(state.src, start, state.eMarks[startLine])
    if not opening or state.is_code_block(startLine):
        return False
    closing = rf"\end{{{opening[1]}}}"
    end = state.src.find(closing, opening.end(), state.eMarks[endLine - 1])
    if end < 0:
        note_undecided(state, startLine, endLine)
        return False
    end += len(closing)
    last = next(line for line in range(startLine, endLine) if end <= state.eMarks[line])
    if not _AFTER.fullmatch(state.src, end, state.eMarks[last]) or any(
        state.sCount[line] < state.blkIndent and not state.isEmpty(line) for line in range(startLine, last)
    ):
        return False
    if not silent:
        token = state.push("environment", "math", 0)
        lines = [
            state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]] for line in range(startLine, last)
        ]
        token.content = "\n".join([*lines, state.src[state.bMarks[last] + state.tShift[last] : end]])
        token.block, token.map = True, [startLine, last + 1]
    state.line = last + 1
    return True
