"""Views that stream on request of a test, in addition to those of the portal."""

import asyncio
from collections.abc import AsyncGenerator

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path

from web.shutdown import leaving

_under_way: set[object] = set()


@login_not_required
def stream(request: HttpRequest, pieces: int) -> StreamingHttpResponse:
    """Stream so many pieces, then wait for the end of the process, or of the reader."""

    async def content() -> AsyncGenerator[bytes, None]:
        _under_way.add(request)
        try:
            for number in range(pieces):
                yield b"%d\n" % number
                await asyncio.sleep(0.02)
            if pieces < 100:
                await asyncio.sleep(60)
        except asyncio.CancelledError:
            yield b"interrupted\n" if leaving.is_set() else b"gone\n"
        finally:
            _under_way.discard(request)

    return StreamingHttpResponse(content(), content_type="text/event-stream")


@login_not_required
def under_way(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(_under_way)))


urlpatterns = [
    path("stream/<int:pieces>/", stream),
    path("under-way/", under_way),
    path("", include("portal.urls")),
]
