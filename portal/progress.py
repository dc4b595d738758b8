"""Reports progress to a person in front of a terminal, every few seconds while a step lasts."""

import threading
import time
from collections.abc import Callable
from typing import Final, Self

EVERY_S: Final = 5.0


class Progress:
    """Prints each step when it begins, and then every five seconds that it goes on; stops after its `with`."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._began = time.monotonic()
        self._spoke_at = self._began
        self._text = ""
        self._done = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._go_on, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def step(self, text: str) -> None:
        """Begin the next step."""
        self._say(text)
        self._spoke_at = time.monotonic()
        self._text = text

    def now(self, text: str) -> None:
        """Change the next message, without printing a line."""
        self._text = text

    def _go_on(self) -> None:
        while not self._done.wait(0.2):
            now = time.monotonic()
            if self._text and now - self._spoke_at >= EVERY_S - 0.2:
                self._spoke_at = now
                self._say(f"  {self._text} … {now - self._began:.0f} s")
