"""Parses server-sent events, by the WHATWG standard and two extensions. Knows nothing of sockets or JSON.

The extensions: llama.cpp's server sends a field `error:` in place of `data:`, and an event that is too long is skipped.
"""

from typing import Final, NamedTuple

from gateway import parsing

MAX_EVENT_BYTES: Final = 16 * 2**20  # kept of an event: a picture of 11 MB as base64; events of text have some hundred
MAX_SKIPPED_BYTES: Final = 256 * 2**20  # of a skipped event: a longer one counts as endless

_BOM: Final = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event. `name` is "message" unless the server says otherwise; one that was too long has no data."""

    data: bytes
    name: bytes = b"message"
    is_too_long: bool = False


class SSEParser:
    """Splits bytes into events, wherever the network cut them; lines end with LF, CR or both."""

    def __init__(self, *, max_event: int = MAX_EVENT_BYTES, max_skipped: int = MAX_SKIPPED_BYTES) -> None:
        self._max_event, self._max_skipped = max_event, max_skipped
        self._line: list[bytes] = []  # pieces of the unfinished line
        self._data: list[bytes] = []  # lines of the unfinished event
        self._name = b""
        self._size = 0  # of that event
        self._is_first_line = True
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that end within this chunk."""
        if b"\r" in chunk or self._after_cr:
            chunk = self._with_line_feeds(chunk)
        *ended, open_line = chunk.split(b"\n")
        found: list[Event] = []
        for piece in ended:
            self._add(piece)
            if event := self._end_line():
                found.append(event)
        self._add(open_line)
        return found

    def rest(self) -> bytes:
        """Return the data of an event that the end of the stream cut off before its empty line."""
        self._end_line()
        return b"\n".join(self._data)

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        """Return the chunk with one LF at each end of a line, also where CR and LF come in two chunks."""
        if not chunk:
            return chunk
        if self._after_cr:
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _add(self, piece: bytes) -> None:
        if not piece:
            return
        self._size += len(piece)
        if self._size <= self._max_event:
            self._line.append(piece)
        elif self._size <= self._max_skipped:
            self._data.clear()
            self._line = [b":"]  # as good as a comment
        else:
            raise parsing.not_understood("an event that does not end")

    def _end_line(self) -> Event | None:
        line = b"".join(self._line)
        self._line.clear()
        if self._is_first_line:
            self._is_first_line, line = False, line.removeprefix(_BOM)
        if not line:
            return self._end_event()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value
        elif field == b"error":  # llama.cpp
            self._data.append(value)
            self._name = b"error"
        return None

    def _end_event(self) -> Event | None:
        data, name, size = self._data, self._name or b"message", self._size
        self._data, self._name, self._size = [], b"", 0
        if size > self._max_event:
            return Event(b"", name, is_too_long=True)
        return Event(b"\n".join(data), name) if data else None
