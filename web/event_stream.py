"""A response that goes on: server-sent events, each an htmx partial that says where it goes in the page."""

import html
from collections.abc import AsyncGenerator

from django.http import StreamingHttpResponse
from django.utils.safestring import SafeString

KEEP_ALIVE = b":\n\n"  # a comment: proxies see life, htmx sees nothing


def partial(target: str, content: SafeString, *, swap: str = "outerHTML") -> str:
    """Return markup that htmx puts at the element with the id `target`."""
    return f'<hx-partial hx-target="#{target}" hx-swap="{swap}">{content}</hx-partial>'


def message(*partials: str) -> bytes:
    """Return the event that carries these partials."""
    return _event("".join(partials))


class Appender:
    """Spells text that goes to the end of one element, escaped; prepared once, since there are many pieces."""

    def __init__(self, target: str) -> None:
        self._before, self._after = partial(target, SafeString("\0"), swap="beforeend").split("\0")

    def __call__(self, text: str) -> str:
        """Return the partial that appends `text`."""
        return f"{self._before}{html.escape(text, quote=False)}{self._after}"


def _event(data: str) -> bytes:
    """Spell an event; line ends inside of it would end a field, and a carriage return is one too."""
    if "\r" in data:
        data = data.replace("\r", "&#13;")
    lines = data.replace("\n", "\ndata: ")
    return f"data: {lines}\n\n".encode()


def event_stream(events: AsyncGenerator[bytes]) -> StreamingHttpResponse:
    """Answer with events as they come; nobody on the way may keep or gather them."""
    response = StreamingHttpResponse(events, content_type="text/event-stream; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx
    return response
