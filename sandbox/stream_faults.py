"""Faults during a stream: some chunks pass, then the rest is disturbed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.types import Message

from sandbox.errors import error
from sandbox.faulty_call import PAGE, Call
from sandbox.streams import event
from sandbox.wire import hang_up, reset, wait_or_gone

_HALF_AN_EVENT: Final = b'data: {"id":"chatcmpl-sandbox","choices":[{"index":0,"del\n\n'


async def _strikes(call: Call) -> bool:
    """Let some chunks pass, then detach the response from the work; False if it was shorter than that."""
    left = call.fault.after_chunks
    failed = asyncio.Event()

    async def pass_some(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.body":
            if left == 0:
                failed.set()
                await asyncio.Event().wait()  # until cancelled below
            left -= 1
        await call.send(message)

    work = asyncio.create_task(call.run(pass_some))
    waiting = asyncio.create_task(failed.wait())
    await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if failed.is_set():
        work.cancel()
    await asyncio.gather(work, return_exceptions=failed.is_set())
    return failed.is_set()


async def _cut(call: Call) -> None:
    if await _strikes(call):
        await hang_up(call.scope, call.receive)


async def _reset(call: Call) -> None:
    if await _strikes(call):
        await reset(call.scope, call.receive)


async def _silent(call: Call) -> None:
    if await _strikes(call):
        with call.counted():
            await wait_or_gone(call.receive, call.fault.seconds)
        await hang_up(call.scope, call.receive)


async def _pause(call: Call) -> None:
    left = call.fault.after_chunks

    async def pass_all(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.body":
            if left == 0:
                with call.counted():
                    await asyncio.sleep(call.fault.seconds)
            left -= 1
        await call.send(message)

    await call.run(pass_all)


async def _end(call: Call) -> None:
    await _end_with(call, b"")


async def _garbage(call: Call) -> None:
    await _end_with(call, _HALF_AN_EVENT)


async def _page(call: Call) -> None:
    await _end_with(call, PAGE.encode())


async def _error(call: Call) -> None:
    status = call.fault.status or 500
    await _end_with(call, event(error(status, f"Sandbox fault: {status}", "internal_server_error").body))


async def _end_with(call: Call, last: bytes) -> None:
    """Send this instead of the rest, and end the response as if it were complete."""
    if await _strikes(call):
        await call.send({"type": "http.response.body", "body": last, "more_body": True})
        await call.send({"type": "http.response.body", "body": b""})


STREAM_KINDS: Final[dict[str, Callable[[Call], Awaitable[None]]]] = {
    "stream_cut": _cut,
    "stream_reset": _reset,
    "stream_silent": _silent,
    "stream_pause": _pause,
    "stream_end": _end,
    "stream_garbage": _garbage,
    "stream_html": _page,
    "stream_error": _error,
}
