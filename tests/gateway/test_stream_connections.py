"""The connections of streams: closed on a disconnect, reused after a complete answer, over TLS."""

import asyncio
import socket
from pathlib import Path

import pytest

from gateway.client import Gateway
from gateway.errors import (
    GatewayUnavailable,
)
from gateway.inference_types import ChatDelta
from gateway.pool import Interrupter
from tests.gateway.conftest import ADMIN_KEY
from tests.gateway.stub import Handler, Reply, StubGateway, silence
from tests.gateway.test_streams import DONE, WAIT_S, run, said, stream_of, texts_of


@pytest.mark.parametrize("head", [False, True], ids=["before the first", "between two"])
def test_cancelling_the_reader_disconnects(stub: StubGateway, gateway: Gateway, head: bool) -> None:
    stub.will(silence(said("a"), head=head))
    seen: list[ChatDelta] = []

    async def read() -> None:
        async with stream_of(gateway, idle_timeout_s=10 * WAIT_S) as stream:
            while deltas := await stream.read():
                seen.extend(deltas)

    async def cancel() -> None:
        reader = asyncio.create_task(read())
        while not (seen if head else stub.asked):
            await asyncio.sleep(0.001)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert await asyncio.to_thread(stub.released.wait, WAIT_S)

    run(cancel)


def test_an_exchange_that_begins_after_it_was_ended_ends_at_once() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        interrupter = Interrupter()
        interrupter.fire()
        interrupter.watch(ours)
        theirs.settimeout(WAIT_S)
        assert theirs.recv(1) == b""


def test_a_reused_connection_is_not_closed() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        interrupter = Interrupter()
        interrupter.watch(ours)
        interrupter.forget()
        interrupter.fire()
        ours.sendall(b"x")
        assert theirs.recv(1) == b"x"


@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_leaving_the_block_disconnects(stub: StubGateway, gateway: Gateway, error: type[Exception] | None) -> None:
    stub.will(silence(said("a")))

    async def leave() -> list[ChatDelta]:
        stream = stream_of(gateway)
        try:
            async with stream:
                await stream.read()
                if error:
                    raise error
        except ZeroDivisionError:
            pass
        assert await asyncio.to_thread(stub.released.wait, WAIT_S)
        return await stream.read()

    assert run(leave) == []


def test_closed_before_it_began_sends_no_request(stub: StubGateway, gateway: Gateway) -> None:
    async def close() -> list[ChatDelta]:
        stream = stream_of(gateway)
        async with stream:
            pass
        await stream.start()
        return await stream.read()

    assert run(close) == []
    assert not stub.asked


def in_chunks(*texts: str) -> Reply:
    """Reply in chunks, in a connection that stays."""

    def reply(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for text in texts:
            handler.wfile.write(f"{len(text.encode()):x}\r\n{text}\r\n".encode())
        handler.wfile.write(b"0\r\n\r\n")

    return reply


def test_a_whole_answer_leaves_its_connection_to_the_next(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(in_chunks(said("a"), DONE))

    async def thrice() -> None:
        for _ in range(3):
            async with stream_of(gateway) as stream:
                while await stream.read():
                    pass

    run(thrice)
    assert len(stub.asked) == 3
    assert len(stub.connections) == 1


def test_streams_through_tls(secure_stub: StubGateway, certificate: Path) -> None:
    secure_stub.will(in_chunks(said("a"), said("b"), DONE))
    gateway = Gateway(secure_stub.url, ADMIN_KEY, ca_bundle=str(certificate))

    assert texts_of(gateway) == ["a", "b"]


def test_an_untrusted_certificate_is_no_call(secure_stub: StubGateway) -> None:
    with pytest.raises(GatewayUnavailable) as failure:
        texts_of(Gateway(secure_stub.url, ADMIN_KEY))
    assert not failure.value.may_have_happened
