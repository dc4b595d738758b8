"""Django's handler for ASGI: runs a request in one thread at one go, and streams on the event loop."""

import asyncio
import io
import time
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.db import close_old_connections, connections
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve, set_script_prefix
from django.utils import translation

from gateway import log_context
from web.addresses import is_probe
from web.bodies import BodyRefused, Receive, read_body
from web.metrics import note_pool, observe_request
from web.patience import answers_within
from web.request_log import request_id_in, with_request_id
from web.streams import Send, Stream, is_streaming
from web.threads import Threads, ThreadsBusy, in_thread

Scope = dict[str, Any]
PATIENCE_S: Final = 30.0  # to wait for a thread; 500 messages of one second take two cores some 16 s
RETRY_AFTER_S: Final = 10
PROBES, STREAMS, DOWNLOADS = 4, 4, 4  # threads of each process
STALLED_S: Final = 60.0  # until a client that does not read a download is disconnected
LINGER_S, LINGER_BYTES = 2.0, 64 * 1024 * 1024  # for the rest of a refused body: clients read after sending


class Handler(ASGIHandler):
    """Runs the synchronous middleware and view of a request in one of a few threads, and the rest on the event loop.

    Django's own adapts each synchronous middleware, and switches between loop and thread at every step. It also starts
    a thread for each request, and joins synchronous iterators.
    """

    def __init__(self, *, patience_s: float = PATIENCE_S) -> None:
        super(ASGIHandler, self).__init__()
        self.load_middleware()
        self._patience_s = patience_s
        self._pages = Threads("page", settings.WEB_THREADS)
        self._probes = Threads("probe", PROBES)
        self._streams = Threads("stream", STREAMS)
        self._downloads = asyncio.Semaphore(DOWNLOADS)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; its lines in the log bear its id, those of its stream too."""
        scope = _with_path_of_portal(scope)
        log_context.begin(request_id=request_id_in(scope))
        try:
            body = await read_body(scope, receive)
        except RequestAborted:
            return
        except BodyRefused as refusal:
            await self.send_response(_refusal(ASGIRequest(scope, io.BytesIO()), refusal.status), send)
            await _drain(receive)
            return
        request, response = self.create_request(scope, body)
        if request:
            note_pool()
            began = time.perf_counter()
            response = await self._respond(request)
            observe_request(request, response, time.perf_counter() - began)
            note_pool()
        if isinstance(response, StreamingHttpResponse):
            await self._stream(response, scope, receive, send)
        elif response:
            await self.send_response(response, send)

    async def _respond(self, request: ASGIRequest) -> HttpResponseBase:
        """Run middleware and view in a thread; what is not streamed is closed there, and its connection released."""
        try:
            return await self._threads_for(request).run(partial(self._answer, request), patience_s=self._patience_s)
        except ThreadsBusy:
            request.close()
            return _busy(request)

    def _threads_for(self, request: ASGIRequest) -> Threads:
        """Return the threads for this request. A stream has threads of its own: its form has queued already."""
        if is_probe(request):
            return self._probes
        if request.method == "GET" and "text/event-stream" in request.headers.get("Accept", ""):
            with suppress(Resolver404):
                if is_streaming(resolve(request.path_info).func):
                    return self._streams
        return self._pages

    def _answer(self, request: ASGIRequest) -> HttpResponseBase:
        set_script_prefix(get_script_prefix(request.scope))
        if request.META.get("HTTP_HOST") == "":  # granian's value for HTTP/1.0 without a host
            del request.META["HTTP_HOST"]
        signals.request_started.send(sender=type(self), scope=request.scope)
        with answers_within(settings.DATABASE_ANSWER_TIMEOUT_S):
            response: HttpResponseBase = self.get_response(request)
            if response.streaming:
                close_old_connections()  # streams open a connection of their own when they need one
            else:
                response.close()
        return response

    async def _stream(self, response: StreamingHttpResponse, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the chunks, in the language of the view, while the client is connected."""
        await send(_start(response))
        is_download = not (response.is_async or isinstance(response, FileResponse) or scope["method"] == "HEAD")
        content = _nothing() if scope["method"] == "HEAD" else self._content(response)
        stream = Stream(content, _impatient(send) if is_download else send)
        running = asyncio.create_task(stream.run())
        watching = asyncio.create_task(_end_when_gone(stream, receive))
        try:
            await running
        finally:
            running.cancel()
            watching.cancel()
            if not is_download:  # downloads are closed by their own thread
                await in_thread(response.close)

    def _content(self, response: StreamingHttpResponse) -> AsyncGenerator[bytes, None]:
        if response.is_async:
            return cast("AsyncGenerator[bytes, None]", response.streaming_content)
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
            return _file(response)
        return self._download(response)

    async def _download(self, response: StreamingHttpResponse) -> AsyncGenerator[bytes, None]:
        """Yield the chunks of a synchronous iterator, each computed when the one before is sent, all in one thread.

        One, because a connection to the database belongs to its thread.
        """
        async with self._downloads:
            thread = ThreadPoolExecutor(1, thread_name_prefix="download")
            next_piece = sync_to_async(partial(next, iter(response), None), thread_sensitive=False, executor=thread)
            try:
                while (piece := await next_piece()) is not None:
                    yield piece
            finally:
                thread.submit(_close_download, response)
                thread.shutdown(wait=False)


def _with_path_of_portal(scope: Scope) -> Scope:
    """Put the path of the portal back where a proxy has removed it, or a probe does not know it."""
    path: str = scope["path"]
    if f"{path}/".startswith(settings.PORTAL_PATH):
        return scope
    return {**scope, "path": f"{settings.PORTAL_PATH}{path.removeprefix('/')}"}


async def _file(response: FileResponse) -> AsyncGenerator[bytes, None]:
    pieces = iter(response)
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece


def _impatient(send: Send) -> Send:
    """Raise TimeoutError where the client does not read for long: others wait to download."""

    async def within(message: Mapping[str, Any]) -> None:
        async with asyncio.timeout(STALLED_S):
            await send(message)

    return within


def _close_download(response: StreamingHttpResponse) -> None:
    """Close the iterator in its thread, which then ends with its connection."""
    response.close()
    connections.close_all()


async def _nothing() -> AsyncGenerator[bytes, None]:
    return
    yield b""


async def _end_when_gone(stream: Stream, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()


async def _drain(receive: Receive) -> None:
    """Read the rest of a refused body for a while, so that the client then reads the reason."""
    taken = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while taken < LINGER_BYTES:
                message = await receive()
                taken += len(message.get("body", b""))
                if not message.get("more_body"):
                    return


def _start(response: HttpResponseBase) -> dict[str, Any]:
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
    cookies = [
        (b"Set-Cookie", cookie.output(header="").strip().encode("ascii")) for cookie in response.cookies.values()
    ]
    return {"type": "http.response.start", "status": response.status_code, "headers": headers + cookies}


def _refusal(request: HttpRequest, status: int) -> HttpResponse:
    """Answer with a standalone page, in the browser's language."""
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'",
        "Connection": "close",
    }
    with translation.override(translation.get_language_from_request(request)):
        page = render_to_string("body_refused.html", {"status": str(status)})
    return _sized(HttpResponse(page, status=status, headers=headers))


def _busy(request: HttpRequest) -> HttpResponse:
    """Say that all threads were busy for too long."""
    headers = {"Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"}
    with translation.override(translation.get_language_from_request(request)):
        page = render_to_string("503.html", {"outage": "busy", "reference": log_context.request_id()})
    return _sized(HttpResponse(page, status=503, headers=headers))


def _sized(response: HttpResponse) -> HttpResponse:
    response.headers["Content-Length"] = str(len(response.content))
    with_request_id(response)
    return response
