"""Tables as models write them: a pipe in code or in a formula separates no cells, and no cell is lost.

GitHub's rule drops cells beyond the columns of the header.
"""

import re
from collections.abc import Sequence
from typing import Final

from markdown_it.rules_block import StateBlock

MOST_CELLS_ADDED: Final = 65_536  # to rows with too few
_DELIMITERS: Final = re.compile(r"[-:|][-:|\s]*")
_DELIMITER: Final = re.compile(r"(:?)-+(:?)")
_PIPE: Final = re.compile(r"(?<!\\)\|")
_WHOLE_OR_PIPE: Final = re.compile(
    r"(?:`[^`]*`|\$\$[^$]*\$\$|\$[^$]+\$|\\\((?:[^\\]|\\(?![()]))*\\\))|((?<!\\)\|)", re.DOTALL
)


def table_block(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:  # noqa: N803  (called by name)
    """Parse a table: a header, a line of dashes, and rows until something else begins."""
    if startLine + 2 > endLine or any(_is_elsewhere(state, line) for line in (startLine, startLine + 1)):
        return False
    aligned = _alignments(_line(state, startLine + 1))
    head = _line(state, startLine)
    if not aligned or "|" not in head:
        return False
    cells = _split(head, len(aligned))
    if len(cells) != len(aligned):
        return False
    if silent:
        return True
    parent, state.parentType = state.parentType, "table"
    state.push("table_open", "table", 1)
    state.push("thead_open", "thead", 1)
    _push_row(state, "th", cells, aligned, startLine)
    state.push("thead_close", "thead", -1)
    state.line = _push_body(state, startLine + 2, endLine, aligned)
    state.push("table_close", "table", -1)
    state.parentType = parent
    return True


def _push_body(state: StateBlock, first: int, end: int, aligned: Sequence[str]) -> int:
    """Push the rows; return the line after them."""
    ends = state.md.block.ruler.getRules("blockquote")
    line, added = first, 0
    while line < end and not _is_elsewhere(state, line) and _line(state, line):
        if any(rule(state, line, end, True) for rule in ends):
            break
        cells = _split(_line(state, line), len(aligned))
        cells = [*cells[: len(aligned) - 1], " | ".join(cells[len(aligned) - 1 :])]
        added += len(aligned) - len(cells)
        if added > MOST_CELLS_ADDED:
            break
        if line == first:
            state.push("tbody_open", "tbody", 1)
        _push_row(state, "td", [*cells, *[""] * (len(aligned) - len(cells))], aligned, line)
        line += 1
    if line > first:
        state.push("tbody_close", "tbody", -1)
    return line


def _push_row(state: StateBlock, tag: str, cells: Sequence[str], aligned: Sequence[str], line: int) -> None:
    state.push("tr_open", "tr", 1)
    for cell, side in zip(cells, aligned, strict=True):
        token = state.push(f"{tag}_open", tag, 1)
        if side:
            token.attrs = {"class": side}
        token = state.push("inline", "", 0)
        token.content, token.children, token.map = cell, [], [line, line + 1]
        state.push(f"{tag}_close", tag, -1)
    state.push("tr_close", "tr", -1)


def _split(row: str, count: int) -> list[str]:
    """Return the cells of a row: as GitHub does, but if those are too many, code and formulas stay whole."""
    cells = _PIPE.split(row)
    if len(cells) - (not cells[0]) - (len(cells) > 1 and not cells[-1]) > count:
        cells, start = [], 0
        for found in _WHOLE_OR_PIPE.finditer(row):
            if found[1]:
                cells.append(row[start : found.start()])
                start = found.end()
        cells.append(row[start:])
    if not cells[0]:
        cells = cells[1:]
    if cells and not cells[-1]:
        cells = cells[:-1]
    return [cell.replace("\\|", "|").strip() for cell in cells]


def _alignments(line: str) -> list[str]:
    """Return a class for each column; none, if this is no line of dashes."""
    if not _DELIMITERS.fullmatch(line) or re.match(r"-\s", line):
        return []
    found = [_DELIMITER.fullmatch(part.strip()) for part in line.strip("|").split("|")]
    if len(line) < 2 or not all(found):  # a single dash is a list
        return []
    return ["" if not side[2] else "text-center" if side[1] else "text-end" for side in found if side]


def _is_elsewhere(state: StateBlock, line: int) -> bool:
    return state.sCount[line] < state.blkIndent or state.is_code_block(line)


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].strip()
