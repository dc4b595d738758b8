"""What the portal writes into its log as JSON."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from web.log_formats import JsonFormatter


class Logged:
    """The lines that were written during a block."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.handler = logging.StreamHandler(self._stream)
        self.handler.setFormatter(JsonFormatter())

    @property
    def text(self) -> str:
        """All of it."""
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The objects, one a line."""
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, logger: str) -> list[dict[str, Any]]:
        """Return those of one logger."""
        return [line for line in self.lines if line["logger"] == logger]


@contextmanager
def logged_as_json() -> Iterator[Logged]:
    """Hand out what all loggers write during the block."""
    logged, root = Logged(), logging.getLogger()
    root.addHandler(logged.handler)
    try:
        yield logged
    finally:
        root.removeHandler(logged.handler)
