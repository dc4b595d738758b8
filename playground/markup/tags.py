"""The few harmless tags that models write, without any attribute; every other one is text."""

import re
from typing import Final

from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from playground.markup.blocks import note_undecided

_INLINE: Final = {  # as they are written, and their replacement
    **{
        name: name
        for name in ("strong", "em", "s", "code", "sub", "sup", "kbd", "mark", "u", "small", "ul", "ol", "li")
    },
    "b": "strong",
    "i": "em",
    "del": "s",
    "strike": "s",
    "ins": "u",
}
_TAG: Final = re.compile(rf"<(?:br ?/?|/?(?:{'|'.join(_INLINE)}))>", re.IGNORECASE)
_LISTS: Final = ("ul", "ol")  # in cells of tables only: elsewhere Markdown has its own
_DETAILS: Final = re.compile(r"<(/?)details(?: open)?>", re.IGNORECASE)
_SUMMARY: Final = re.compile(r"\s*<summary>(.*?)</summary>", re.IGNORECASE | re.DOTALL)
MOST_CHARS_OF_A_SUMMARY: Final = 500


def inline_tag(state: StateInline, silent: bool) -> bool:
    """Parse a tag within a line; `pair_tags` checks for its other half."""
    if state.src[state.pos] != "<" or not (found := _TAG.match(state.src, state.pos)):
        return False
    name = found[0].strip("</ >").lower()
    if not silent and name == "br":
        state.push("hardbreak", "br", 0)
    elif not silent:
        is_end = found[0].startswith("</")
        token = state.push("tag_close" if is_end else "tag_open", _INLINE[name], 0)
        token.nesting = -1 if is_end else 1  # not passed to the state, which assumes that all are in pairs
        token.content = found[0]
    state.pos = found.end()
    return True


def pair_tags(state: StateCore) -> None:
    """Turn tags into text that have no other half, or that would overlap other elements."""
    before = ""
    for token in state.tokens:
        if token.type == "inline" and token.children:
            _pair(token.children, is_cell=before in ("th_open", "td_open"))
        before = token.type


def _pair(children: list[Token], *, is_cell: bool) -> None:
    opened: list[Token] = []
    for child in children:
        above = opened[-1].tag if opened else ""
        if child.nesting == 1:
            if child.type == "tag_open" and not _may_stand(child.tag, above, is_cell=is_cell):
                _make_text(child)
            else:
                opened.append(child)
        elif child.type == "tag_close":
            if opened and opened[-1].type == "tag_open" and above == child.tag:
                opened.pop()
            else:
                _make_text(child)
        elif child.nesting == -1:
            while opened and opened[-1].type == "tag_open":
                _make_text(opened.pop())
            opened = opened[:-1]
    for child in opened:
        if child.type == "tag_open":
            _make_text(child)


def _may_stand(tag: str, above: str, *, is_cell: bool) -> bool:
    if tag == "li":
        return above in _LISTS
    return tag not in _LISTS or (is_cell and above in ("", "li"))


def _make_text(token: Token) -> None:
    token.type, token.tag, token.nesting = "text", "", 0


def details_block(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:  # noqa: N803  (called by name)
    """Parse a details element: its end may be missing, as may its summary."""
    start = state.bMarks[startLine] + state.tShift[startLine]
    opening = _DETAILS.match(state.src, start, state.eMarks[startLine])
    if not opening or opening[1] or state.is_code_block(startLine):
        return False
    if silent:
        return True
    end, after = _end_of_details(state.src, opening.end(), state.eMarks[endLine - 1])
    last = next(line for line in range(startLine, endLine) if end <= state.eMarks[line])
    if end == after:
        note_undecided(state, startLine, endLine)
    state.push("details_open", "details", 1)
    content = opening.end()
    if found := _SUMMARY.match(state.src, content, min(end, content + MOST_CHARS_OF_A_SUMMARY)):
        _push_text(state, "summary", found[1], startLine)
        content = found.end()
    first = next(line for line in range(startLine, last + 1) if content <= state.eMarks[line])
    _push_lines(state, first, last, content, end)
    state.push("details_close", "details", -1)
    _push_text(state, "paragraph", state.src[after : state.eMarks[last]], last)
    state.line = last + 1
    return True


def _end_of_details(src: str, start: int, end: int) -> tuple[int, int]:
    """Return where the content ends, and where the text continues after the closing tag."""
    depth = 1
    for found in _DETAILS.finditer(src, start, end):
        depth += -1 if found[1] else 1
        if depth == 0:
            return found.start(), found.end()
    return end, end


def _push_text(state: StateBlock, kind: str, text: str, line: int) -> None:
    if not text.strip():
        return
    tag = "summary" if kind == "summary" else "p"
    state.push(f"{kind}_open", tag, 1)
    token = state.push("inline", "", 0)
    token.content, token.children, token.map = text.strip(), [], [line, line + 1]
    state.push(f"{kind}_close", tag, -1)


def _push_lines(state: StateBlock, first: int, last: int, start: int, end: int) -> None:
    """Parse the lines, of which the first begins at `start` and the last ends at `end`."""
    saved = state.bMarks[first], state.tShift[first], state.sCount[first], state.eMarks[last], state.lineMax
    text = state.src[start : min(end, state.eMarks[first])]
    if start != state.bMarks[first]:
        state.bMarks[first], state.tShift[first] = start, len(text) - len(text.lstrip())
        state.sCount[first] = state.blkIndent
    has_last = bool(state.src[max(start, state.bMarks[last]) : end].strip())
    state.eMarks[last] = end
    state.lineMax = last + has_last
    indents = state.sCount[first : last + 1]  # within a list no line may be left out because it is not indented
    state.sCount[first : last + 1] = [max(indent, state.blkIndent) for indent in indents]
    parent, state.parentType = state.parentType, "details"
    if first < state.lineMax:
        state.md.block.tokenize(state, first, state.lineMax)
    state.parentType = parent
    state.sCount[first : last + 1] = indents
    state.bMarks[first], state.tShift[first], state.sCount[first], state.eMarks[last], state.lineMax = saved
