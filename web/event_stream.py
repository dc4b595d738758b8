"""A streaming response: server-sent events, each an htmx partial that names its target in the page."""

import html
from collections.abc import AsyncGenerator

from django.http import StreamingHttpResponse
from django.utils.safestring import SafeString

KEEP_ALIVE = b":\n\n"  # a comment, which keeps proxies from timing out; htmx ignores it


def partial(target: str, content: SafeString, *, swap: str = "outerHTML") -> str:
    """Return markup that htmx puts at the element with the id `target`."""
    return f'<hx-partial hx-target="#{target}" hx-swap="{swap}">{content}</hx-partial>'


def message(*partials: str) -> bytes:
    """Return the event with these partials."""
    return _event("".join(partials))


class Appender:
    """Renders text to be appended to one element, escaped; prepared once, since there are many pieces."""

    def __init__(self, target: str) -> None:
        self._before, self._after = partial(target, SafeString("\0"), swap="beforeend").split("\0")

    def __call__(self, text: str) -> str:
        """Return the partial that appends `text`."""
        return f"{self._before}{html.escape(text, quote=False)}{self._after}"


def _event(data: str) -> bytes:
    """Render an event; a line end inside of it would end a field, and a carriage return is one too."""
    if "\r" in data:
        data = data.replace("\r", "&#13;")
    lines = data.replace("\n", "\ndata: ")
    return f"data: {lines}\n\n".encode()


def event_stream(events: AsyncGenerator[bytes]) -> StreamingHttpResponse:
    """Stream the events as they come; proxies must neither cache nor buffer them."""
    response = StreamingHttpResponse(events, content_type="text/event-stream; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx
    return response
