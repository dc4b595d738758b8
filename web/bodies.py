"""Reads the body of a request before anything is taken that others need: a slot to compute, a connection, a session."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import translation

from web.slow_requests import RequestTooSlow

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
PIECE_BYTES: Final = 64 * 1024
IN_MEMORY_BYTES: Final = 1024 * 1024  # then it goes to a file


class BodyRefused(Exception):
    """The body cannot be taken; `status` is the line that says so."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


def read_body_first(application: WSGIApplication) -> WSGIApplication:
    """Hand `application` only requests whose whole body has come; answer the others in plain words."""

    def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("CONTENT_LENGTH", "") in ("", "0") and "HTTP_TRANSFER_ENCODING" not in environ:
            return application(environ, start_response)
        try:
            body = _read(environ)
        except BodyRefused as refusal:
            return _answer(refusal.status, environ, start_response)
        environ["wsgi.input"] = body
        return _closing(application(environ, start_response), body)

    return wsgi


def _read(environ: dict[str, Any]) -> IO[bytes]:
    """Return the whole body; raise BodyRefused where it is too large, comes too slowly or breaks off."""
    length = environ.get("CONTENT_LENGTH", "")
    if length and not (length.isascii() and length.isdigit()):
        raise BodyRefused("400 Bad Request")
    if length and int(length) > settings.MAX_BODY_BYTES:
        raise BodyRefused("413 Content Too Large")
    body = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115  (closed with the response)
    try:
        _copy(environ["wsgi.input"], body, int(length) if length else None)
    except BaseException:
        body.close()
        raise
    environ["CONTENT_LENGTH"] = str(body.tell())
    body.seek(0)
    return body


def _copy(source: IO[bytes], body: IO[bytes], length: int | None) -> None:
    """Copy `length` bytes, or all there are where nobody said how many."""
    try:
        while length is None or body.tell() < length:
            piece = source.read(PIECE_BYTES if length is None else min(PIECE_BYTES, length - body.tell()))
            if not piece:
                break
            body.write(piece)
            if body.tell() > settings.MAX_BODY_BYTES:
                raise BodyRefused("413 Content Too Large")
    except RequestTooSlow as error:
        raise BodyRefused("408 Request Timeout") from error
    except OSError as error:  # the client has gone
        raise BodyRefused("400 Bad Request") from error
    if length is not None and body.tell() < length:
        raise BodyRefused("400 Bad Request")


def _closing(response: Iterable[bytes], body: IO[bytes]) -> Iterator[bytes]:
    """Yield the response, then close both."""
    try:
        yield from response
    finally:
        body.close()
        if hasattr(response, "close"):
            response.close()


def _answer(status: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answer with a page that stands alone, in the browser's language; what is still to come is not read."""
    request = HttpRequest()
    request.META = environ
    with translation.override(translation.get_language_from_request(request)):
        page = render_to_string("body_refused.html", {"status": status.partition(" ")[0]}).encode()
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(page))),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'"),
    ]
    start_response(status, headers)
    return [page]
