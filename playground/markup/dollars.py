"""Formulas between dollars, as opposed to prices, shell variables and commands."""

import re
from typing import Final

from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from mdit_py_plugins.dollarmath.index import math_block_dollar

from playground.markup.blocks import note_undecided

_COMMANDS: Final = re.compile(r"\\[A-Za-z]+|\{[^{}]*\}")
_PROSE: Final = re.compile(r"(?<![A-Za-z])[A-Za-z]{2,}(?![A-Za-z(_^])")
_AMOUNT: Final = re.compile(r"\d[\d.,]*[A-Za-z]{0,2}\s")
_WORDS: Final = re.compile(r"(?<![A-Za-z])(?!sin|cos|tan|log|exp|mod|min|max|gcd)[^\W\d_]{2,}(?:\s|$)|[,;–—] $")
_SHELL: Final = re.compile(r"[({]|[A-Z_][A-Z0-9_]{2,}[^A-Za-z0-9_]|[a-z_]\w*[/:.,\-+\"'=&;@]$")
_AFTER_A_LETTER: Final = re.compile(r"(?:th|st|nd|rd|s|d|e|er|re|ers|[eè]mes?|i[eè]mes?|ten?|ter|tes)(?![A-Za-z0-9_$])")
_WORD: Final = re.compile(r"[A-Za-z0-9_({]")

_BLOCK: Final = math_block_dollar(allow_labels=False, allow_blank_lines=True)


def dollar_block(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:  # noqa: N803  (called by name)
    """Parse the lines from one that begins with $$ to one that ends with it."""
    line, count = state.line, len(state.tokens)
    if _BLOCK(state, startLine, endLine, silent):
        if silent:  # the library pushes its token here, too: a formula after a list would be there twice
            state.line = line
            del state.tokens[count:]
        return True
    text = state.src[state.bMarks[startLine] + state.tShift[startLine] : state.eMarks[startLine]]
    if text.startswith("$$") and "$$" not in text[2:]:
        note_undecided(state, startLine, endLine)
    return False


def dollar_inline(state: StateInline, silent: bool) -> bool:
    """Parse a formula within a line."""
    src, start = state.src, state.pos
    if src[start] != "$" or (
        start and (src[start - 1] == "\\" or (src[start - 1].isascii() and src[start - 1].isalnum()))
    ):
        return False
    mark = "$$" if src.startswith("$$", start) else "$"
    end = _closing(src, start + len(mark), mark)
    content = src[start + len(mark) : end]
    if end < 0 or not content.strip() or (mark == "$" and not _is_formula(content, src, end + 1)):
        return False
    if not silent:
        token = state.push("math_inline_double" if mark == "$$" else "math_inline", "math", 0)
        token.content, token.markup = content, mark
    state.pos = end + len(mark)
    return True


def _closing(src: str, start: int, mark: str) -> int:
    end = src.find(mark, start)
    while end > 0 and src[end - 1] == "\\" and src[end - 2] != "\\":
        end = src.find(mark, end + 1)
    return end


def _is_formula(content: str, src: str, end: int) -> bool:
    if content != content.strip():
        bare = _COMMANDS.sub(" ", content)
        is_spaced = content[0].isspace() and content[-1].isspace()
        return is_spaced and bool(re.search(r"[\\^_=<>+]", content)) and not _PROSE.search(bare)
    if _AMOUNT.match(content) and _WORDS.search(_COMMANDS.sub(" ", content)):
        return False
    after = src[end : end + 1]
    if after.isdigit():
        return False
    if not after or not _WORD.match(after):
        return True
    return not _SHELL.match(content) and (not after.isalpha() or bool(_AFTER_A_LETTER.match(src, end)))
