"""Reading a stream in a thread that must not wait: what has come is had, everything else is left to who may wait."""

import gzip
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.client import Gateway
from gateway.errors import GatewayUnavailable
from gateway.inference_types import ChatDelta
from gateway.stream import ChatStream
from tests.gateway.conftest import ADMIN_KEY
from tests.gateway.loopback import Handler, Paper, events, silence
from tests.gateway.test_more_within import OPENING, chunked, stream_of
from tests.gateway.test_streams import DONE, WAIT_S, said

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
ERROR = 'data: {"error": {"message": "broken", "code": "500"}}\n\n'


@contextmanager
def waited_for(stream: ChatStream) -> Iterator[select.epoll]:
    """Hand a stream that has begun to who must not wait, but may watch its descriptor."""
    with stream.unwaited() as descriptor, select.epoll() as watch:
        assert descriptor is not None
        watch.register(descriptor, select.EPOLLIN)
        yield watch


@contextmanager
def begun(gateway: Gateway) -> Iterator[tuple[ChatStream, select.epoll]]:
    """Begin a stream, and hand it over."""
    with stream_of(gateway) as stream:
        stream.start()
        with waited_for(stream) as watch:
            yield stream, watch


def taken(stream: ChatStream, watch: select.epoll) -> list[ChatDelta] | None:
    """Return what is there once there is something, or something else than deltas."""
    while (deltas := stream.now()) == [] and not stream.is_read:
        assert watch.poll(WAIT_S)
    return deltas


def texts(deltas: list[ChatDelta] | None) -> list[str] | None:
    return None if deltas is None else [delta.text for delta in deltas]


def test_has_what_has_come_and_waits_for_nothing(paper: Paper, gateway: Gateway) -> None:
    step, end = threading.Event(), threading.Event()
    paper.will(chunked(said("a"), said("b"), said("c"), step=step, end=end))

    with begun(gateway) as (stream, watch):
        assert texts(taken(stream, watch)) == ["a", "b"]
        step.set()
        assert texts(taken(stream, watch)) == ["c"]
        assert not stream.is_read
        end.set()


def test_nothing_is_waited_for(paper: Paper, gateway: Gateway) -> None:
    paper.will(chunked(OPENING, DONE, step=threading.Event()))

    with begun(gateway) as (stream, _):
        assert stream.now() == []
        assert stream.now() == []


def test_an_end_is_known(paper: Paper, gateway: Gateway) -> None:
    paper.will(chunked(said("a"), DONE))

    with begun(gateway) as (stream, watch):
        assert texts(taken(stream, watch)) == ["a"]
        assert stream.is_read
        assert stream.now() is None
    assert list(stream) == []


def test_an_error_is_kept_for_who_reads_on(paper: Paper, gateway: Gateway) -> None:
    paper.will(chunked(said("a"), ERROR))

    with stream_of(gateway) as stream:
        stream.start()
        with waited_for(stream) as watch:
            assert texts(taken(stream, watch)) == ["a"]
            assert stream.is_read
        with pytest.raises(GatewayUnavailable, match="broken"):
            next(stream)


def test_a_part_of_a_chunk_is_left_to_who_may_wait(paper: Paper, gateway: Gateway) -> None:
    step = threading.Event()
    whole = said("a").encode()

    def reply(handler: Handler) -> None:
        handler.wfile.write(HEAD + b"\r\n%x\r\n%b" % (len(whole), whole[:9]))
        step.wait(WAIT_S)
        handler.wfile.write(whole[9:] + b"\r\n0\r\n\r\n")

    paper.will(reply)

    with stream_of(gateway) as stream:
        stream.start()
        with waited_for(stream) as watch:
            assert taken(stream, watch) is None
        step.set()
        assert next(stream).text == "a"


def test_an_answer_without_chunks_is_left_to_who_may_wait(paper: Paper, gateway: Gateway) -> None:
    paper.will(events(said("a"), DONE))

    with stream_of(gateway) as stream:
        stream.start()
        with stream.unwaited() as descriptor:
            assert descriptor is None
        assert [delta.text for delta in stream] == ["a"]


def test_a_compressed_answer_is_left_to_who_may_wait(paper: Paper, gateway: Gateway) -> None:
    def reply(handler: Handler) -> None:
        packed = gzip.compress((said("a") + DONE).encode())
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed)
        handler.wfile.write(HEAD + b"Content-Encoding: gzip\r\n\r\n" + body)

    paper.will(reply)

    with stream_of(gateway) as stream:
        stream.start()
        with stream.unwaited() as descriptor:
            assert descriptor is None
        assert [delta.text for delta in stream] == ["a"]


def test_a_connection_that_breaks_is_left_to_who_may_wait(paper: Paper, gateway: Gateway) -> None:
    def reply(handler: Handler) -> None:
        handler.wfile.write(HEAD + b"\r\n")
        handler.close_connection = True

    paper.will(reply)

    with stream_of(gateway) as stream:
        stream.start()
        with waited_for(stream) as watch:
            assert taken(stream, watch) is None
        with pytest.raises(GatewayUnavailable):
            next(stream)


def test_close_wakes_who_waits_for_the_descriptor(paper: Paper, gateway: Gateway) -> None:
    paper.will(chunked(OPENING, DONE, step=threading.Event()))

    with stream_of(gateway) as stream:
        stream.start()
        with waited_for(stream) as watch:
            assert stream.now() == []
            stream.close()
            assert watch.poll(WAIT_S)
            assert stream.now() is None
        assert list(stream) == []


def test_there_is_nothing_to_wait_for_once_it_is_closed(paper: Paper, gateway: Gateway) -> None:
    paper.will(silence(OPENING))

    with stream_of(gateway) as stream:
        stream.start()
        stream.close()
        with stream.unwaited() as descriptor:
            assert descriptor is None


def test_can_wait_again_afterwards(paper: Paper, gateway: Gateway) -> None:
    step = threading.Event()
    paper.will(chunked(said("a"), said("b") + DONE, step=step))

    with stream_of(gateway) as stream:
        stream.start()
        with waited_for(stream) as watch:
            assert texts(taken(stream, watch)) == ["a"]
            assert stream.now() == []
        timer = threading.Timer(0.05, step.set)
        timer.start()
        assert next(stream).text == "b"
        timer.join()


def test_through_tls_too(secure_paper: Paper, certificate: Path) -> None:
    step = threading.Event()
    secure_paper.will(chunked(said("a"), said("b"), DONE, step=step))
    gateway = Gateway(secure_paper.url, ADMIN_KEY, ca_bundle=str(certificate))
    heard: list[str] = []

    with begun(gateway) as (stream, watch):
        while "b" not in heard:
            heard += texts(taken(stream, watch)) or []
        step.set()
        while not stream.is_read:
            heard += texts(taken(stream, watch)) or []
    assert heard == ["a", "b"]
