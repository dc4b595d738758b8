"""Markdown in, sanitised HTML out; what is too much to render is shown as it was written."""

from functools import lru_cache
from secrets import token_hex

import nh3
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from playground.rendering.markdown import to_html
from playground.rendering.pieces import Pieces, TooMuch

MOST_CHARS = 100_000
MOST_CHARS_CACHED = 20_000
THINKS, HAS_THOUGHT = "<think>", "</think>"
_SANITISER = nh3.Cleaner(
    tags={
        *("p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre"),
        *("table", "thead", "tbody", "tr", "th", "td"),
        *("strong", "em", "s", "code", "a"),
    },
    attributes={"*": set(), "a": {"href"}, "ol": {"start"}},  # "*" would be title and lang
    allowed_classes={"th": {"text-center", "text-end"}, "td": {"text-center", "text-end"}},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}},
)


def answer_html(text: str) -> SafeString:
    """Return a model's Markdown as HTML, what it thought before that folded.

    The ids in it are new each time, so that the same answer may stand there twice.
    """
    thought, said = _parted(text)
    if not thought:
        return _said_html(said)
    folded = render_to_string("playground/_thought.html", {"thought": thought})
    return folded + _said_html(said) if said else folded


def _parted(text: str) -> tuple[str, str]:
    """Part an answer that begins with <think>, as of a server that parses no reasoning; unclosed, all is thought."""
    begun = text.lstrip()
    if not begun.startswith(THINKS):
        return "", text
    thought, _, said = begun.removeprefix(THINKS).partition(HAS_THOUGHT)
    return thought.strip(), said.strip("\r\n")


def _said_html(text: str) -> SafeString:
    if len(text) > MOST_CHARS:
        return prompt_html(text)
    try:
        render = _cached if len(text) <= MOST_CHARS_CACHED else _rendered
        html, mark = render(text, get_language())
    except (TooMuch, RecursionError):
        return prompt_html(text)
    return mark_safe(html.replace(mark, f"code-{token_hex(4)}"))  # noqa: S308  (sanitised, then our own pieces)


def prompt_html(text: str) -> SafeString:
    """Return a person's message as it was typed."""
    return render_to_string("playground/_prose.html", {"text": text})


def _rendered(text: str, language: str | None) -> tuple[str, str]:
    """Return the HTML and the mark that its ids begin with; our words in it are in the active `language`."""
    pieces = Pieces()
    html = mark_safe(pieces.put_back(_SANITISER.clean(to_html(text, pieces))))  # noqa: S308  (sanitised here)
    return render_to_string("playground/_prose.html", {"html": html}), pieces.mark


_cached = lru_cache(maxsize=128)(_rendered)
