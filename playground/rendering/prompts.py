"""A person's message as HTML: as typed, with code formatted as code."""

import re
from collections.abc import Iterator
from html import escape
from secrets import token_hex
from typing import Final

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from playground.markup.frames import CODE, CODE_ID, LANGUAGE, filled
from playground.rendering.frames import renderer_in

MOST_CHARS: Final = 50_000  # of a message that is searched for code
LEAST_LINES: Final = 2  # of code without fences
LEAST_SHARE: Final = 0.6  # of lines that look like code
_FENCED: Final = re.compile(
    r"^ {0,3}(`{3,}|~{3,})[ \t]*([^\n`]*)\n(.*?)(?:^ {0,3}\1[`~]*[ \t]*$|\Z)\n?", re.MULTILINE | re.DOTALL
)
_INLINE: Final = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_PARAGRAPH: Final = re.compile(r"\n[ \t]*\n")
_CODE_LINE: Final = re.compile(
    r"\s*(?:(?:def|class|import|from|for|while|if|elif|else|try|except|with|return|async|await|switch|case)\b.*[:;{)]\s*$"
    r"|import \w|from \w+ import |return\b|raise |print\(|#include|#!|@\w+|//|/\*|--\s|\$ |>>> |\.\.\. "
    r"|(?:const|let|var|function|public|private|static|void|int|float|double|char|fn|func|use|package)\s+\S"
    r"|(?:SELECT|INSERT|UPDATE|DELETE|CREATE|FROM|WHERE|JOIN|GROUP BY|ORDER BY)\s|Traceback |File \"|at \S+\("
    r"|[{}\[\])]+[;,)]*$|</?[A-Za-z][^>]*>|[\w.\[\]'\"]+\s*(?:[-+*/|]?=|<-|:=)\s*\S|[\w.]+\(.*\)[;:]?$|\S.*[;{]$)"
)
_INDENTED: Final = re.compile(r"(?: {2,}|\t)\s*(?![-*+•]\s|\d+[.)]\s)\S")


def prompt_html(text: str) -> SafeString:
    """Return a person's message as typed, with its code in frames."""
    if len(text) > MOST_CHARS:
        return as_written_html(text)
    parts = list(_parts(text))
    html = [_framed(part, info) if is_code else _plain(part, is_all=len(parts) == 1) for is_code, info, part in parts]
    return render_to_string("playground/_prose.html", {"typed": mark_safe("".join(html))})  # noqa: S308  (escaped)


def as_written_html(text: str) -> SafeString:
    """Return a text without any formatting."""
    return render_to_string("playground/_prose.html", {"text": text})


def _parts(text: str) -> Iterator[tuple[bool, str, str]]:
    """Yield the parts in order: whether it is code, the text after its fence, the content."""
    start = 0
    for found in _FENCED.finditer(text):
        yield from _unfenced(text[start : found.start()])
        yield True, found[2], found[3]
        start = found.end()
    yield from _unfenced(text[start:])


def _unfenced(text: str) -> Iterator[tuple[bool, str, str]]:
    """Yield paragraphs that look like code separately, and the text between them."""
    start, pending, is_code = 0, "", False
    ends = [found.end() for found in _PARAGRAPH.finditer(text)]
    for end in [*ends, len(text)]:
        paragraph = text[start:end]
        start = end
        if _looks_like_code(paragraph) != is_code:
            if pending:
                yield is_code, "", pending
            pending, is_code = "", not is_code
        pending += paragraph
    if pending:
        yield is_code, "", pending


def _looks_like_code(paragraph: str) -> bool:
    lines = [line for line in paragraph.splitlines() if line.strip()]
    certain = [line for line in lines if _CODE_LINE.match(line)]
    likely = [line for line in lines if _CODE_LINE.match(line) or _INDENTED.match(line)]
    return len(lines) >= LEAST_LINES and bool(certain) and len(likely) >= LEAST_SHARE * len(lines)


def _plain(text: str, *, is_all: bool) -> str:
    """Return text with inline code marked; next to a frame it needs no empty lines."""
    return _INLINE.sub(r"<code>\1</code>", escape(text if is_all else text.strip("\n")))


def _framed(code: str, info: str) -> str:
    frames = renderer_in(get_language()).frames
    values = {
        LANGUAGE: escape(info.strip()[:24]) or frames.code_word,
        CODE: escape(code.strip("\n")),
        CODE_ID: f"code-{token_hex(4)}-0",
    }
    return filled(frames.code.strip(), values)
