"""An answer that is rendered block by block while it streams is what it is as a whole, however it was cut."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.markup.process import Job, Reply, unlimited_reply_to
from playground.rendering.frames import renderer_in
from playground.rendering.live import LiveAnswer
from tests.playground.test_rendering import Reader

pytestmark = pytest.mark.django_db  # what is rendered is kept in the cache
ANSWERS = re.split(r"^%% .*\n", Path(__file__).with_name("answers.txt").read_text(), flags=re.MULTILINE)[1:]
OWN_ID = re.compile(r"(?:code-|z)[0-9a-f]+z?(?=-)")


def render(job: Job) -> Reply:
    """Render it here, sent as it is sent between processes."""
    return Reply.unpacked(unlimited_reply_to(job).packed())


class Page:
    """What a page shows of an answer that comes in these pieces."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._live = LiveAnswer("en", render)
        self.html, self.rest, self.changes = "", "", 0
        text = ""
        for piece in pieces:
            text += piece
            self._live.feed(piece)
            if self._live.is_due and (change := self._live.advance()):
                self.html = change.html if change.replaces else self.html + change.html
                self.rest = change.rest
                self.changes += 1
        change = self._live.finish(text)
        assert change
        self.html = change.html if change.replaces else self.html + change.html


def plain(html: str) -> str:
    """Return HTML whose ids do not change with each rendering."""
    return OWN_ID.sub("id", html)


def whole(text: str) -> str:
    """Return the HTML of a complete text."""
    reply = render(Job(text, renderer_in("en").frames, "z0f0f0fz"))
    assert reply.html is not None
    return plain(reply.html)


def at_random(text: str, seed: int) -> Iterator[str]:
    """Yield the text in pieces of any size."""
    chance, at = random.Random(seed), 0
    while at < len(text):
        size = chance.randint(1, 40)
        yield text[at : at + size]
        at += size


def test_answers_in_pieces_are_what_they_are_as_a_whole() -> None:
    different = []
    for number, text in enumerate(ANSWERS):
        wanted = whole(text)
        for pieces in (iter(text), at_random(text, number)):
            page = Page(pieces)
            if plain(page.html) != wanted or Reader(page.html).wrong:
                different.append((text.splitlines()[0], page.html))

    assert len(ANSWERS) >= 60
    assert different == []


def test_blocks_are_shown_before_the_answer_ends() -> None:
    assert [text[:40] for text in (ANSWERS[0], ANSWERS[-1]) if Page(iter(text)).changes < text.count("\n\n") / 3] == []


@pytest.mark.parametrize(
    ("text", "html", "rest"),
    [
        ("a **b**\n\nc *d", "<p>a <strong>b</strong></p>\n", "c *d"),
        ("a\n===\n\nb", "<h3>a</h3>\n", "b"),
        ("- a\n\n- b\n\nc", "<ul>\n<li>\n<p>a</p>\n</li>\n<li>\n<p>b</p>\n</li>\n</ul>\n", "c"),
        ("a\n\n- b\n\n- c", "<p>a</p>\n", "- b\n\n- c"),
        ("a\n\n| b | c |\n|---|---|\n| 1", "<p>a</p>\n", "| b | c |\n|---|---|\n| 1"),
        ("[a] b\n\n[a]: https://a.example\n\nc\n\nd", "https://a.example", "d"),
        ("a[^1]\n\n[^1]: b\n\nc\n\nd", "ps-note-number", "d"),
        ("a\n\nאב\n\nb", '<p dir="ltr">a</p>\n', "b"),
        ("$$\na\n\nb\n\nc", "", "$$\na\n\nb\n\nc"),
        ("a\n\n```py\nx = 1\ny", "<p>a</p>\n", "x = 1\ny"),
    ],
)
def test_only_the_open_block_is_as_it_was_written(text: str, html: str, rest: str) -> None:
    live, shown, left = LiveAnswer("en", render), "", ""
    for char in text:
        live.feed(char)
        left += char
        if live.is_due and (change := live.advance()):
            shown = change.html if change.replaces else shown + change.html
            left = change.rest

    assert html in shown
    assert left == rest
