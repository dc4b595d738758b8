"""Text within a block: bold and strikethrough next to Chinese, Japanese and Korean, which have no spaces."""

import re
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline.state_inline import Scanned, StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType

_EAST_ASIAN: Final = re.compile(
    "[\u1100-\u11ff\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U0001b000-\U0001b2ff\U00020000-\U0003ffff]"
)


class EastAsianInline(ParserInline):
    """The usual parser, with support for East Asian letters."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """Push the tokens of `src`."""
        state = _State(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


class _State(StateInline):
    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803  (it overrides)
        """Say whether these asterisks may open and close.

        CommonMark requires a space between a closing `**` after punctuation and the next letter. East Asian punctuation
        counts as a letter here, and an East Asian neighbour as a space.
        """
        scanned = super().scanDelims(start, canSplitWord)
        before = self.src[start - 1] if start > 0 else " "
        end = start + scanned.length
        after = self.src[end] if end < self.posMax else " "
        if not canSplitWord or not (_EAST_ASIAN.match(before) or _EAST_ASIAN.match(after)):
            return scanned
        opens = not isWhiteSpace(ord(after)) and (not _is_western_mark(after) or not _is_western_letter(before))
        closes = not isWhiteSpace(ord(before)) and (not _is_western_mark(before) or not _is_western_letter(after))
        return Scanned(opens, closes, scanned.length)


def _is_western_mark(char: str) -> bool:
    return not _EAST_ASIAN.match(char) and (isMdAsciiPunct(ord(char)) or isPunctChar(char))


def _is_western_letter(char: str) -> bool:
    return not (_EAST_ASIAN.match(char) or isWhiteSpace(ord(char)) or isMdAsciiPunct(ord(char)) or isPunctChar(char))
