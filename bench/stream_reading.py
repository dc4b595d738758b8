"""Evaluates a stream after its end: status, text assembled from its chunks, missing tokens."""

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

OF_PORTAL: Final = re.compile(rb'hx-target="#text-[^"]*"[^>]*>[^<]')  # the first text that a client sees
OF_GATEWAY: Final = re.compile(rb'"content":"[^"]')
_PIECE: Final = re.compile(r'<hx-partial [^>]*hx-target="#text-[^"]*"[^>]*>(.*?)</hx-partial>', re.DOTALL)
_SPOKEN: Final = re.compile(r'<hx-partial hx-target="#say"[^>]*>(.*?)</hx-partial>', re.DOTALL)
_STREAM: Final = re.compile(rb"/playground/answers/[0-9a-f-]{36}/stream/")
_COOKIE: Final = re.compile(r"([^=]+)=([^;]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP response as received; `whole` is False when it was cut."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False


def response_of(raw: bytes) -> Response:
    """Parse the bytes of one response. Nothing received: status 0."""
    head, end, body = raw.partition(b"\r\n\r\n")
    if not end:
        return Response()
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    headers = dict(pairs)
    found = [_COOKIE.match(value) for name, value in pairs if name == "set-cookie"]
    whole = "content-length" in headers and len(body) == int(headers["content-length"])
    if headers.get("transfer-encoding") == "chunked":
        body, whole = _joined(body)
    cookies = {cookie[1]: cookie[2] for cookie in found if cookie}
    return Response(status=int(status.split()[1]), headers=headers, cookies=cookies, body=body, whole=whole)


def _joined(body: bytes) -> tuple[bytes, bool]:
    """Return the content of the chunks, and whether the last one arrived."""
    parts: list[bytes] = []
    at = 0
    while (end := body.find(b"\r\n", at)) >= 0:
        size = int(body[at:end], 16)
        if not size:
            return b"".join(parts), True
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 4 + size
    return b"".join(parts), False


def stream_address(body: bytes) -> str:
    """Return the URL of the answer's stream; empty if there is none."""
    found = _STREAM.search(body)
    return found[0].decode() if found else ""


def _events(body: bytes) -> list[str]:
    """Return the data of each server-sent event."""
    events = body.decode().replace("\r\n", "\n").split("\n\n")
    fields = [
        [line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:")] for event in events
    ]
    return ["\n".join(lines) for lines in fields if lines]


def text_of_portal(body: bytes) -> str:
    """Join the text appended to the answer."""
    return "".join(html.unescape(piece) for event in _events(body) for piece in _PIECE.findall(event))


def spoken_by_portal(body: bytes) -> str:
    """Return the sentence that announces the end of an answer, empty if there is none."""
    found = [sentence for event in _events(body) for sentence in _SPOKEN.findall(event)]
    return html.unescape(found[-1]) if found else ""


def text_of_gateway(body: bytes) -> str:
    """Join the deltas of a chat in OpenAI's format."""
    chunks = [json.loads(event) for event in _events(body) if event != "[DONE]"]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk.get("choices", ())]
    return "".join(delta.get("content") or "" for delta in deltas)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """How to find the text in the answers of a server."""

    first: re.Pattern[bytes]
    text: Callable[[bytes], str]


PORTAL: Final = Side(first=OF_PORTAL, text=text_of_portal)
GATEWAY: Final = Side(first=OF_GATEWAY, text=text_of_gateway)


@dataclass(frozen=True, slots=True)
class Corruption:
    """The numbers of missing tokens, and of misplaced or repeated ones."""

    lost: int
    moved: int


def corruption_of(text: str, tokens: int) -> Corruption:
    """Compare a text with the count from 1 to `tokens`."""
    words = text.split()
    expected = [str(number) for number in range(1, tokens + 1)]
    there = set(words)
    kept = [word for word in expected if word in there]
    moved = sum(word != right for word, right in zip(words, kept, strict=False)) + max(0, len(words) - len(kept))
    return Corruption(lost=tokens - len(kept), moved=moved)
