"""Open streams, and how the others ended."""

from collections import Counter
from dataclasses import asdict, dataclass
from itertools import count
from typing import Literal

Ending = Literal["finished", "closed_by_client", "cut"]


@dataclass(slots=True)
class Stream:
    """An answer that is being streamed."""

    number: int
    path: str
    token: str | None
    chunks: int = 0


class Connections:
    """Maintain the list that `/sandbox/connections` shows."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._open: dict[int, Stream] = {}
        self._ended: Counter[str] = Counter(finished=0, closed_by_client=0, cut=0)

    def start(self, path: str, token: str | None) -> Stream:
        """Register a stream."""
        stream = Stream(next(self._numbers), path, token)
        self._open[stream.number] = stream
        return stream

    def end(self, stream: Stream, ending: Ending) -> None:
        """Record the end of a stream; only the first end counts."""
        if self._open.pop(stream.number, None) is not None:
            self._ended[ending] += 1

    def report(self) -> dict[str, object]:
        """Return open streams and the counts of the others."""
        return {"open": [asdict(stream) for stream in self._open.values()], **self._ended}
