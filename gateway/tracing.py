"""Spans of traces, where the portal sends any: with names and attributes of our choice, never what a library collects.

Off, nothing is imported, and a span costs a function call. portal/traces.py is the implementation.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

Note = Callable[..., None]  # adds attributes to a span; `name` renames it, `error` says why it failed


class Tracer(Protocol):
    """What sends spans somewhere."""

    def span(self, name: str, parent: str, attributes: Mapping[str, object]) -> AbstractContextManager[Note]:
        """Record a block; `parent` is the `traceparent` of another program, or empty."""

    def traceparent(self) -> str:
        """Return the header that names the present span to another program."""


_tracers: Final[list[Tracer]] = []  # one, or none


def use_tracer(tracer: Tracer) -> None:
    """Send the spans of this process there."""
    _tracers[:] = [tracer]


@contextmanager
def span(name: str, *, parent: str = "", **attributes: object) -> Iterator[Note]:
    """Record how long this block takes, and the type of the exception that ends it."""
    if not _tracers:
        yield _ignore
        return
    with _tracers[0].span(name, parent, attributes) as note:
        yield note


def traceparent() -> str:
    """Return the header that names the present span to another program; empty where none is recorded."""
    return _tracers[0].traceparent() if _tracers else ""


def _ignore(**attributes: object) -> None:
    """Add attributes to no span."""
