"""A request runs in one thread at one go; streams run on the event loop."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import pytest
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path
from django.utils import translation
from django.utils.translation import gettext
from pytest_django import Settings

from tests.web.asgi import LONG_S, Exchange
from web.handler import Handler
from web.health import live
from web.streams import streaming_view

seen: list[Any] = []
is_free = threading.Event()


def around(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that notes its thread."""

    def middleware(request: HttpRequest) -> HttpResponse:
        seen.append(threading.get_ident())
        return get_response(request)

    return middleware


def page(request: HttpRequest) -> HttpResponse:
    seen.append(threading.get_ident())
    return HttpResponse(request.body)


def wait(request: HttpRequest) -> HttpResponse:
    seen.append("waits")
    assert is_free.wait(LONG_S)
    return HttpResponse(b"done")


def rows(request: HttpRequest) -> StreamingHttpResponse:
    """Stream for ever, from a synchronous iterator."""

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                seen.append(threading.get_ident())
                yield b"row"
        finally:
            seen.append("closed")

    return StreamingHttpResponse(pieces())


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(open(__file__, "rb"))


@streaming_view
def answer(request: HttpRequest) -> StreamingHttpResponse:
    """Stream until somebody says that it is over, and say how it ended, in the reader's language."""

    async def pieces() -> AsyncGenerator[str, None]:
        try:
            yield gettext("Name")
            await asyncio.sleep(LONG_S)
        except asyncio.CancelledError:
            yield gettext("Stopped.")
        finally:
            seen.append(translation.get_language())

    return StreamingHttpResponse(pieces())


def broken(request: HttpRequest) -> StreamingHttpResponse:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield b"a"
        raise ValueError("broken")

    return StreamingHttpResponse(pieces())


urlpatterns = [
    path("", include("keys.urls")),  # where pages of errors lead
    path("page/", page),
    path("wait/", wait),
    path("rows/", rows),
    path("file/", file),
    path("answer/", answer),
    path("broken/", broken),
    path("healthz/live", live),
]


@pytest.fixture(autouse=True)
def these_views(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [f"{__name__}.around", "django.middleware.locale.LocaleMiddleware"]
    settings.WEB_THREADS = 1
    seen.clear()
    is_free.clear()


def test_middleware_and_view_run_in_one_thread_that_is_not_the_loops() -> None:
    async def ask() -> bytes:
        return await Exchange(Handler(), "/page/", method="POST", body=b"body").whole()

    assert asyncio.run(ask()) == b"body"
    assert len(seen) == 2
    assert set(seen) != {threading.get_ident()}
    assert len(set(seen)) == 1


def test_a_request_that_waits_too_long_gets_a_503_with_retry_after_and_probes_are_answered() -> None:
    async def ask() -> tuple[Exchange, Exchange, bytes]:
        handler = Handler(patience_s=0.05)
        first = Exchange(handler, "/wait/")
        while "waits" not in seen:
            await asyncio.sleep(0.001)
        second, probe = Exchange(handler, "/page/", language="fr"), Exchange(handler, "/healthz/live")
        await second.whole()
        await probe.whole()
        is_free.set()
        return second, probe, await first.whole()

    busy, probe, done = asyncio.run(ask())

    assert (busy.status, busy.headers["retry-after"]) == (503, "10")
    assert "Trop de personnes" in b"".join(busy.pieces).decode()
    assert probe.status == 200
    assert done == b"done"


def test_a_stream_begins_while_all_threads_answer_forms() -> None:
    async def ask() -> list[bytes]:
        handler = Handler()
        form = Exchange(handler, "/wait/", method="POST")
        while "waits" not in seen:
            await asyncio.sleep(0.001)
        stream = Exchange(handler, "/answer/", headers={"accept": "text/event-stream"})
        await stream.until(lambda so_far: bool(so_far.pieces))
        stream.disconnect()
        is_free.set()
        await form.whole()
        return stream.pieces

    assert asyncio.run(ask())[0] == b"Name"


def test_queued_requests_are_served_in_order() -> None:
    async def ask() -> list[bytes]:
        handler, order = Handler(), list[bytes]()

        async def one(name: bytes) -> None:
            order.append(await Exchange(handler, "/page/", method="POST", body=name).whole())

        first = Exchange(handler, "/wait/")
        while "waits" not in seen:
            await asyncio.sleep(0.001)
        others = [asyncio.create_task(one(b"%d" % number)) for number in range(5)]
        await asyncio.sleep(0.01)
        is_free.set()
        await asyncio.gather(first.whole(), *others)
        return order

    assert asyncio.run(ask()) == [b"0", b"1", b"2", b"3", b"4"]


def test_rows_are_read_one_by_one_in_one_thread_until_the_client_disconnects() -> None:
    async def ask() -> int:
        exchange = Exchange(Handler(), "/rows/")
        await exchange.until(lambda so_far: len(so_far.pieces) >= 3)
        exchange.disconnect()
        await exchange.whole()
        while "closed" not in seen:
            await asyncio.sleep(0.001)
        return len(exchange.pieces)

    sent = asyncio.run(ask())

    middleware, *threads, last = seen
    assert last == "closed"
    assert sent <= len(threads) <= sent + 1
    assert len({*threads, middleware, threading.get_ident()}) == 3


def test_a_disconnected_download_is_not_finished() -> None:
    async def ask() -> bytes:
        return await Exchange(Handler(), "/rows/", method="HEAD").whole()

    assert asyncio.run(ask()) == b""
    assert len(seen) == 1


@pytest.mark.parametrize(("language", "words"), [("en", "too large"), ("fr", "trop volumineux")])
def test_a_refused_body_gets_a_plain_response_and_reaches_no_view(
    settings: Settings, language: str, words: str
) -> None:
    settings.MAX_BODY_BYTES = 1000

    async def ask() -> Exchange:
        exchange = Exchange(Handler(), "/page/", method="POST", body=b"x" * 1001, language=language)
        await exchange.whole()
        return exchange

    refused = asyncio.run(ask())

    assert refused.status == 413
    assert words in b"".join(refused.pieces).decode()
    assert not seen


def test_a_file_is_sent_whole() -> None:
    async def ask() -> bytes:
        return await Exchange(Handler(), "/file/").whole()

    with open(__file__, "rb") as this:
        assert asyncio.run(ask()) == this.read()


def test_a_stream_ends_where_it_waits_and_speaks_its_readers_language_to_the_end() -> None:
    async def ask() -> list[bytes]:
        handler = Handler()
        streams = [Exchange(handler, "/answer/", language=language) for language in ("fr", "en")]
        for stream in streams:
            await stream.until(lambda so_far: bool(so_far.pieces))
        for stream in streams:
            stream.disconnect()
        return [await stream.whole() for stream in streams]

    assert [text.decode() for text in asyncio.run(ask())] == ["NomArrêtée.", "NameStopped."]
    assert seen[2:] == ["fr", "en"]


def test_a_broken_stream_does_not_look_complete() -> None:
    async def ask() -> list[bytes]:
        exchange = Exchange(Handler(), "/broken/")
        with pytest.raises(ValueError, match="broken"):
            await exchange.whole()
        return exchange.pieces

    assert asyncio.run(ask()) == [b"a"]
