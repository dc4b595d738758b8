"""Asking a stream whether there is more, without waiting for it longer than one likes."""

import threading
import time
from pathlib import Path

import pytest

from gateway.client import Gateway
from gateway.errors import GatewayUnavailable
from gateway.inference_types import ChatRequest, Message
from gateway.stream import ChatStream
from tests.gateway.conftest import ADMIN_KEY, SECRET
from tests.gateway.loopback import Handler, Paper, Reply, events, silence
from tests.gateway.test_streams import DONE, WAIT_S, said

QUIET_S = 0.05
OPENING = 'data: {"choices": [{"index": 0, "delta": {"role": "assistant"}}]}\n\n'


def stream_of(gateway: Gateway, *, usage: bool = True) -> ChatStream:
    body = ChatRequest(model="gpt-4o-mini", messages=[Message(role="user", content="hi")])
    return gateway.inference.stream_chat(secret=SECRET, body=body, silence_s=WAIT_S, usage=usage)


def chunked(*texts: str, step: threading.Event | None = None, end: threading.Event | None = None) -> Reply:
    """Reply with one write of many chunks, in a connection that stays.

    With `step`, the last text comes after it; with `end`, the end of the body after that.
    """

    def chunk(text: str) -> bytes:
        return f"{len(text.encode()):x}\r\n".encode() + text.encode() + b"\r\n"

    def reply(handler: Handler) -> None:
        handler.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"".join(map(chunk, texts[:-1] if step else texts))
        )
        if step:
            step.wait(WAIT_S)
            handler.wfile.write(chunk(texts[-1]))
        if end:
            end.wait(WAIT_S)
        handler.wfile.write(b"0\r\n\r\n")

    return reply


def test_a_gateway_that_is_silent_has_no_more_and_is_not_waited_for(paper: Paper, gateway: Gateway) -> None:
    paper.will(silence(said("a")))

    with stream_of(gateway) as stream:
        stream.start()
        assert stream.more_within(WAIT_S)
        assert stream.more_within(0)
        assert next(stream).text == "a"
        began = time.monotonic()
        assert not stream.more_within(QUIET_S)
        assert QUIET_S * 0.9 <= time.monotonic() - began < WAIT_S / 2
        assert not stream.more_within(0)


def test_what_came_at_once_is_had_at_once_to_its_end(paper: Paper, gateway: Gateway) -> None:
    """Much of it lies in buffers, where no poll of the socket sees it; the connection stays open."""
    paper.will(chunked(*(said(str(number)) for number in range(500)), DONE))
    texts: list[str] = []

    with stream_of(gateway) as stream:
        stream.start()
        while stream.more_within(WAIT_S):
            delta = next(stream, None)
            if delta is None:
                break
            texts.append(delta.text)

    assert texts == [str(number) for number in range(500)]


def test_an_event_that_says_nothing_is_not_more(paper: Paper, gateway: Gateway) -> None:
    paper.will(silence(": keep-alive\n\n", OPENING, said("a")[:-1]))

    with stream_of(gateway) as stream:
        stream.start()
        assert not stream.more_within(QUIET_S)


def test_waits_for_what_comes_in_time(paper: Paper, gateway: Gateway) -> None:
    step = threading.Event()
    paper.will(chunked(said("a"), said("b") + DONE, step=step))

    with stream_of(gateway) as stream:
        stream.start()
        assert next(stream).text == "a"
        assert not stream.more_within(0)
        timer = threading.Timer(QUIET_S, step.set)
        timer.start()
        assert stream.more_within(WAIT_S)
        timer.join()
        assert [delta.text for delta in stream] == ["b"]
        assert stream.more_within(0)  # the end is had at once, again and again


def test_an_error_counts_as_more_and_is_raised_once_it_is_read(paper: Paper, gateway: Gateway) -> None:
    paper.will(events(said("a")))

    with stream_of(gateway) as stream:
        stream.start()
        assert next(stream).text == "a"
        assert stream.more_within(WAIT_S)
        assert stream.more_within(0)
        with pytest.raises(GatewayUnavailable, match="cut off"):
            next(stream)
        assert list(stream) == []


def test_close_from_another_thread_ends_the_waiting(paper: Paper, gateway: Gateway) -> None:
    paper.will(silence(said("a")))
    stream = stream_of(gateway)
    stream.start()
    assert next(stream).text == "a"
    timer = threading.Timer(QUIET_S, stream.close)
    timer.start()

    began = time.monotonic()
    assert stream.more_within(WAIT_S)
    assert time.monotonic() - began < WAIT_S / 2
    assert list(stream) == []
    assert paper.released.wait(WAIT_S)
    timer.join()


def test_tls_is_asked_too(secure_paper: Paper, certificate: Path) -> None:
    """One record holds many events, and what TLS says for itself is no event."""
    secure_paper.will(silence("".join(said(str(number)) for number in range(1000))))
    gateway = Gateway(secure_paper.url, ADMIN_KEY, ca_bundle=str(certificate))
    texts: list[str] = []

    with stream_of(gateway) as stream:
        stream.start()
        while stream.more_within(QUIET_S * 4):
            texts.append(next(stream).text)

    gateway.close()
    assert texts == [str(number) for number in range(1000)]


def test_chunks_over_tls_are_waited_for(secure_paper: Paper, certificate: Path) -> None:
    step = threading.Event()
    secure_paper.will(chunked(said("a"), said("b"), said("c") + DONE, step=step))
    gateway = Gateway(secure_paper.url, ADMIN_KEY, ca_bundle=str(certificate))

    with stream_of(gateway) as stream:
        stream.start()
        assert [stream.more_within(WAIT_S) and next(stream).text for _ in "ab"] == ["a", "b"]
        assert not stream.more_within(QUIET_S)
        step.set()
        assert stream.more_within(WAIT_S)
        assert [delta.text for delta in stream] == ["c"]
    gateway.close()


def test_usage_is_not_asked_for_where_that_is_refused(paper: Paper, gateway: Gateway) -> None:
    paper.will(events(said("a"), DONE))

    with stream_of(gateway, usage=False) as stream:
        assert [delta.text for delta in stream] == ["a"]

    assert paper.last.body["stream"] is True
    assert "stream_options" not in paper.last.body
