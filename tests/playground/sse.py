"""The chat as a browser has it: forms are sent, and events received, each with markup for places on the page."""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.http import HttpResponseRedirect
from django.test import Client
from django.urls import reverse

from playground.models import Answer
from tests.conftest import HTMX
from tests.playground.event_loop import event_loop
from tests.playground.streams import MODEL

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

_LINE_END = re.compile(r"\r\n|\r|\n")
_EVENT_END = re.compile(r"(?:\r\n|\r|\n){2}")
STREAM = re.compile(r"/playground/answers/[\w-]{36}/stream/")
_REFRESH = re.compile(r"http-equiv=\"refresh\" content=\"0; url=([^\"]+)\"")
_PARTIAL = re.compile(r'<hx-partial hx-target="#([\w-]+)" hx-swap="(\w+)">(.*?)</hx-partial>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """Markup for one place on the page."""

    target: str  # id
    swap: str
    markup: str

    @property
    def text(self) -> str:
        """Return what a piece of text says; markup in it would be an error."""
        assert "<" not in self.markup, self.markup
        return unescape(self.markup)


class Received:
    """What came of a stream, event by event."""

    def __init__(self, stream: Iterable[bytes]) -> None:
        self.events = [parts_of(data) for data in events_of(stream)]

    @property
    def parts(self) -> list[Part]:
        """All parts, in their order."""
        return [part for parts in self.events for part in parts]

    @property
    def text(self) -> str:
        """The pieces of the answer, put together as on the page."""
        return self._pieces("text-")

    @property
    def reasoning(self) -> str:
        """The pieces of the reasoning."""
        return self._pieces("reasoning-")

    @property
    def article(self) -> str:
        """The finished answer, as markup."""
        [article] = [part for part in self.parts if part.target.startswith("answer-")]
        return article.markup

    @property
    def said(self) -> str:
        """What is spoken at the end."""
        return self.at("say").text

    @property
    def answer(self) -> Answer:
        """The row of the answer that ended, as it is kept."""
        [article] = [part for part in self.parts if part.target.startswith("answer-")]
        return Answer.objects.select_related("message__conversation").get(pk=article.target.removeprefix("answer-"))

    def at(self, target: str) -> Part:
        """Return the one part for a place."""
        [part] = [part for part in self.parts if part.target == target]
        return part

    def _pieces(self, start: str) -> str:
        pieces = [part for part in self.parts if part.target.startswith(start)]
        assert {part.swap for part in pieces} <= {"beforeend"}
        assert len({part.target for part in pieces}) <= 1
        return "".join(part.text for part in pieces)


def events_of(stream: Iterable[bytes]) -> Iterator[str]:
    """Yield the data of each event as browsers read them; comments are passed over."""
    buffer = ""
    for chunk in stream:
        buffer += chunk.decode()
        while end := _EVENT_END.search(buffer):
            lines, buffer = _LINE_END.split(buffer[: end.start()]), buffer[end.end() :]
            data = [line.removeprefix("data:").removeprefix(" ") for line in lines if not line.startswith(":")]
            assert all(line.startswith(("data:", ":")) for line in lines), lines
            if data:
                yield "\n".join(data)
    assert not buffer, "an event has no end"


def parts_of(data: str) -> list[Part]:
    """Return the parts of an event; there is nothing else in it."""
    assert not _PARTIAL.sub("", data), data
    return [Part(*found) for found in _PARTIAL.findall(data)]


# --- Forms ------------------------------------------------------------------------------------------
def send(client: Client, message: str, *, htmx: bool = True, model: str = MODEL, **fields: Any) -> "Response":
    """Send a message by the form of the page; the answer has the place for a stream that nobody has opened yet."""
    return post(client, reverse("playground:send"), htmx=htmx, message=message, model=model, **fields)


def post(client: Client, url: str, *, htmx: bool = True, **fields: Any) -> "Response":
    """Send a form, with htmx or without; then wait for the answer as a browser without scripts does."""
    response = client.post(url, fields, headers=HTMX if htmx else {})
    return response if htmx or response.status_code != 302 else waited(response)


def waited(response: "Response") -> "Response":
    """Follow a redirect to the stream of an answer, and return the one to the page that it leads to at its end."""
    stream = STREAM.search(response["Location"])
    if not stream:
        return response
    whole = b"".join(stream_of(response.client.get(stream[0]))).decode()
    refresh = _REFRESH.search(whole)
    assert refresh, whole
    end = cast("Response", HttpResponseRedirect(refresh[1]))
    end.client, end.request = response.client, response.request
    return end


def received(response: "Response") -> Received:
    """Open the stream of what a form has answered, and read it to its end."""
    assert response.status_code == 200
    return Received(stream_of(response))


def stream_of(response: "Response") -> Iterator[bytes]:
    """Return the events of a stream, as they come; of a form's answer the place first, then what its page opens."""
    if not response.streaming:
        yield message_of(response.content.decode())
        found = STREAM.findall(response.content.decode())
        assert found, response.content.decode()
        response = opened(response, found[-1])
        if not response.streaming:  # not now, or not any more
            yield message_of(response.content.decode())
            return
    yield from event_loop().each(content_of(response))


def opened(response: "Response", url: str) -> "Response":
    """Open a stream as the page does that got this response."""
    headers = {name: value for name, value in response.request.items() if name.startswith("HTTP_")}
    stream = response.client.get(url, **headers)
    cast("Any", response).opened = stream
    return stream


def content_of(response: "Response") -> "AsyncIterator[bytes]":
    """Return what a server would send."""
    if not hasattr(response, "content_once"):
        cast("Any", response).content_once = aiter(cast("Any", response).streaming_content)
    return cast("AsyncIterator[bytes]", cast("Any", response).content_once)


def message_of(markup: str) -> bytes:
    """Write markup as an event."""
    return f"data: {markup}\n\n".replace("\n", "\ndata: ", markup.count("\n")).encode()


def disconnect(response: "Response") -> None:
    """Close a stream as a server does whose client has gone, and wait for the end that is then written."""
    stream = getattr(response, "opened", response)
    if not stream.streaming:
        stream = opened(response, STREAM.findall(response.content.decode())[-1])
    event_loop().disconnect(content_of(stream))
    if found := STREAM.search(stream.request["PATH_INFO"]):
        event_loop().end_of(UUID(found[0].split("/")[-3]))


def answer_to(client: Client, message: str, **fields: Any) -> Answer:
    """Send a message, read the whole answer, and return its row."""
    return received(send(client, message, **fields)).answer
