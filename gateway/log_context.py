"""What the log lines of one request or task have in common: its id, its person, the gateway's id of its last call.

The fields are in a context variable: threads that work for a request share it, and so do its streams on the event loop.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from types import MappingProxyType
from typing import Final, ParamSpec, TypeVar

from gateway.secret import redact

P = ParamSpec("P")
T = TypeVar("T")
REQUEST_ID_LENGTH: Final = 64
# Also LiteLLM takes it as the id of a session, and a person reads it on an error page.
_REQUEST_ID: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{7,{REQUEST_ID_LENGTH - 1}}}")
_fields: Final[ContextVar[Mapping[str, object]]] = ContextVar("log_fields", default=MappingProxyType({}))


def new_request_id() -> str:
    """Return a random id."""
    return secrets.token_hex(8)


def valid_request_id(given: str | None) -> str | None:
    """Return an id that another program gave, if its form is plain, and it looks like no secret."""
    return given if given and _REQUEST_ID.fullmatch(given) and redact(given) == given else None


def begin(**fields: object) -> None:
    """Start a context of these fields alone."""
    _fields.set(fields)


@contextmanager
def scope(**fields: object) -> Iterator[None]:
    """Start a context of these fields alone, for this block."""
    before = _fields.set(fields)
    try:
        yield
    finally:
        _fields.reset(before)


def note(**fields: object) -> None:
    """Add fields to the lines that follow in this context."""
    _fields.set({**_fields.get(), **fields})


def noted() -> Mapping[str, object]:
    """Return all fields."""
    return _fields.get()


def request_id() -> str:
    """Return the id of the request or task; empty outside of one."""
    return str(_fields.get().get("request_id", ""))


class ContextThreads(ThreadPoolExecutor):
    """Threads that work in the context of their caller: their lines and gateway calls have the id of its request."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin the work, in a copy: what it notes stays with it."""
        run: Callable[[Callable[[], T]], T] = copy_context().run
        return super().submit(run, partial(work, *args, **kwargs))
