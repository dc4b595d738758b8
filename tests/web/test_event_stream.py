"""Server-sent events with partials: a model's text stays text, in one event."""

import html
from collections.abc import AsyncGenerator
from html.parser import HTMLParser

import pytest
from django.utils.safestring import SafeString

from tests.playground.xss import CORPUS
from web.event_stream import KEEP_ALIVE, Appender, event_stream, message, partial

LINE_ENDS = ["a\nb", "a\r\nb", "a\rb", "\n\nevent: stop\ndata: x\n\n", "\n", " leading", "trailing ", "\n\n\n"]


def read(events: bytes) -> list[str]:
    """Return the data of each event, read as browsers do: CR, LF and CRLF end a line."""
    found, data = [], []
    for line in events.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        elif not line and data:
            found.append("\n".join(data))
            data = []
    return found


class Inside(HTMLParser):
    """Collects the text inside of one partial, and every tag."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("said", [*CORPUS, *LINE_ENDS])
def test_what_a_model_says_stays_text_of_one_event(said: str) -> None:
    events = read(message(Appender("text-1")(said)))

    page = Inside()
    page.feed(events[0])
    page.close()
    assert len(events) == 1
    assert page.tags == ["hx-partial"]
    assert page.text == html.unescape(html.escape(said))


def test_an_event_carries_several_partials() -> None:
    event = message(partial("a", SafeString("<b>x</b>")), partial("say", SafeString("y"), swap="innerHTML"))

    assert read(event) == [
        '<hx-partial hx-target="#a" hx-swap="outerHTML"><b>x</b></hx-partial>'
        '<hx-partial hx-target="#say" hx-swap="innerHTML">y</hx-partial>'
    ]


def test_a_keep_alive_is_no_event() -> None:
    assert read(KEEP_ALIVE) == []


def test_the_response_is_not_cached() -> None:
    async def events() -> AsyncGenerator[bytes, None]:
        yield message("x")

    response = event_stream(events())

    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"
