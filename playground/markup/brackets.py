r"""Finds formulas between \( and \), \[ and \]: the way of LaTeX, and of many models."""

from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from playground.markup.blocks import note_undecided

CLOSING = {r"\(": r"\)", r"\[": r"\]"}
MOST_BLANK_LINES = 4  # within a formula


def bracket_inline(state: StateInline, silent: bool) -> bool:
    """Parse a formula within a line."""
    opening = state.src[state.pos : state.pos + 2]
    if opening not in CLOSING:
        return False
    end = state.src.find(CLOSING[opening], state.pos + 2)
    content = state.src[state.pos + 2 : end]
    if end < 0 or not content.strip():
        return False
    if not silent:
        token = state.push("bracket_display" if opening == r"\[" else "bracket_inline", "math", 0)
        token.content = content
        token.markup = opening
    state.pos = end + 2
    return True


def bracket_block(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:  # noqa: N803  (called by name)
    r"""Parse the lines from one that begins with \[ to one that ends with \], so that no list begins within."""
    if state.is_code_block(startLine) or not _line(state, startLine).startswith(r"\["):
        return False
    lines: list[str] = []
    for number in range(startLine, endLine):
        line = _line(state, number)
        lines.append(line)
        if lines.count("") > MOST_BLANK_LINES:
            return False
        if r"\]" in line:
            break
    else:
        note_undecided(state, startLine, endLine)
    content, closing, after = "\n".join(lines)[2:].partition(r"\]")
    if not closing or after.strip(" .,;") or not content.strip():
        return False
    if not silent:
        token = state.push("bracket_display", "math", 0)
        token.content = content
        token.markup = r"\["
        token.map = [startLine, startLine + len(lines)]
    state.line = startLine + len(lines)
    return True


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]].strip()
