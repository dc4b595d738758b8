"""Checks French pages: collects untranslated texts, and English words on a page."""

import gettext
import re
from functools import cache
from html import unescape
from typing import TYPE_CHECKING, Final

from tests.french.messages import messages

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

# What a browser shows, or speaks, besides the text between tags
SPOKEN: Final = re.compile(r'\s(?:aria-label|title|placeholder|alt|data-(?:busy|copied|selected|ended))="([^"]*)"')
# What is not ours to translate: code, names that people gave, the switch to English in its own words
LAST_FOUR = re.compile(r"…[\w-]{4}\b")
NOT_PROSE: Final = re.compile(
    r"<(script|style|pre|code|bdi)\b.*?</\1>|<(\w+)[^>]*\s(?:translate=\"no\"|lang=\"en\")[^>]*>.*?</\2>", re.DOTALL
)
ENGLISH: Final = re.compile(  # words that no sentence of English does without, and that French does not have
    r"\b(?:the|of|and|you|your|with|not|this|that|from|are|is|to|for|was|it|its|by|has|have|please|must|enter|field)\b",
    re.IGNORECASE,
)
WORD: Final = re.compile(r"[^\W\d_]+")  # ": 1 USD =" has one, and is French as well


class Reader(gettext.NullTranslations):
    """Stands behind the French catalogues: what is asked of it is in none of them.

    Django asks for a text with a context as "context\x04text".
    """

    def __init__(self) -> None:
        super().__init__()
        self.missed: set[str] = set()

    def gettext(self, message: str) -> str:
        self.missed.add(message)
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        self.missed.add(msgid1)
        return super().ngettext(msgid1, msgid2, n)


def prose_of(response: "HttpResponse | Response", *names: str) -> str:
    """Return all that a page says in words of ours: no code, no tags, none of the `names` that people gave."""
    html = NOT_PROSE.sub(" ", response.content.decode())
    spoken = " ".join(SPOKEN.findall(html))
    words = " ".join(unescape(re.sub(r"<[^>]*>", " ", html) + " " + spoken).split())
    words = LAST_FOUR.sub("…", words)  # which may spell "OF" by chance
    for name in sorted(names, key=len, reverse=True):
        words = words.replace(name, "…")
    return words


def english_in(words: str) -> list[str]:
    """Return the English in a text of a page: our own sentences untranslated, else words that only English has."""
    untranslated = [text for text in _our_sentences() if text in words]
    return untranslated or ENGLISH.findall(words)


@cache
def _our_sentences() -> set[str]:
    """Return what we say in more than one word, in English, cut at what is filled in and at the markup."""
    said = {form for _, *forms in messages() for form in forms}
    pieces = {piece.strip() for form in said for piece in re.split(r"%\(\w+\)[sd]|%[sd]|\{\w+\}|<[^>]*>|&nbsp;", form)}
    return {piece for piece in pieces if len(piece.split()) > 2 and len(WORD.findall(piece)) > 1}
