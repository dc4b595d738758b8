"""The outermost layer of the sandbox: injects faults around the real work."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.errors import error
from sandbox.faults import Fault, plain
from sandbox.faulty_call import PAGE, Call
from sandbox.state import State
from sandbox.stream_faults import STREAM_KINDS
from sandbox.wire import drop, hang_up, wait_or_gone


async def _delay(call: Call) -> None:
    with call.counted():
        await asyncio.sleep(call.fault.seconds)
    await call.app(call.scope, call.receive, call.send)


async def _error(call: Call) -> None:
    status = call.fault.status or 500
    kind = "throttling_error" if status == 429 else "internal_server_error"
    refusal = error(status, f"Sandbox fault: {status}", kind)
    if call.fault.retry_after is not None:
        refusal.headers["retry-after"] = str(call.fault.retry_after)
    await call.answer(JSONResponse(refusal.body, status_code=status, headers=refusal.headers))


async def _html(call: Call) -> None:
    await call.answer(HTMLResponse(PAGE, status_code=call.fault.status or 200))


async def _drop_before(call: Call) -> None:
    await drop(call.scope, call.receive)


async def _drop_after(call: Call) -> None:
    await call.work()
    await drop(call.scope, call.receive)


async def _hang_before(call: Call) -> None:
    with call.counted():
        await wait_or_gone(call.receive, call.fault.seconds)
    await drop(call.scope, call.receive)


async def _hang_after(call: Call) -> None:
    await call.work()
    await _hang_before(call)


async def _half(call: Call) -> tuple[Message, bytes, int]:
    start, *parts = await call.work()
    whole = b"".join(part.get("body", b"") for part in parts)
    return start, whole[: len(whole) // 2], len(whole)


def _with_length(start: Message, length: int) -> Message:
    headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    return {**start, "headers": [*headers, (b"content-length", str(length).encode())]}


async def _truncated_json(call: Call) -> None:
    start, half, _ = await _half(call)
    await call.send(_with_length(start, len(half)))
    await call.send({"type": "http.response.body", "body": half})


async def _cut_body(call: Call) -> None:
    start, half, length = await _half(call)
    await call.send(_with_length(start, length))
    await call.send({"type": "http.response.body", "body": half, "more_body": True})
    await hang_up(call.scope, call.receive)


async def _odd(call: Call) -> None:
    start, *parts = await call.work()
    answer = json.loads(b"".join(part.get("body", b"") for part in parts))
    body = json.dumps(_patched(answer, call.fault.patch)).encode()
    await call.send(_with_length(start, len(body)))
    await call.send({"type": "http.response.body", "body": body})


def _patched(answer: Any, patch: Any) -> Any:
    """Apply a patch to a response: objects by name, lists by position ("0"); a list is appended to a list."""
    if isinstance(answer, dict) and isinstance(patch, dict):
        return answer | {name: _patched(answer.get(name), value) for name, value in patch.items()}
    if isinstance(answer, list) and isinstance(patch, dict):
        places = {int(place): part for place, part in patch.items()}
        return [_patched(entry, places[at]) if at in places else entry for at, entry in enumerate(answer)]
    return [*answer, *patch] if isinstance(answer, list) and isinstance(patch, list) else patch


_KINDS: dict[str, Callable[[Call], Awaitable[None]]] = {
    "delay": _delay,
    "error": _error,
    "html": _html,
    "drop_before": _drop_before,
    "drop_after": _drop_after,
    "hang_before": _hang_before,
    "hang_after": _hang_after,
    "truncated_json": _truncated_json,
    "cut_body": _cut_body,
    "odd": _odd,
    **STREAM_KINDS,
}


class FaultMiddleware:
    """Wrap the application; without an armed fault, calls pass straight through."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, with or without a fault."""
        if fault := self._fault(scope):
            return await _KINDS[fault.kind](Call(self._app, scope, receive, send, fault))
        return await self._app(scope, receive, send)

    def _fault(self, scope: Scope) -> Fault | None:
        prefix = self._state.config.prefix
        if not self._state.faults.orders or scope["type"] != "http" or scope["path"].startswith("/sandbox/"):
            return None
        if not scope["path"].startswith(prefix):
            return None
        return self._state.faults.take(plain(scope["path"].removeprefix(prefix)))
