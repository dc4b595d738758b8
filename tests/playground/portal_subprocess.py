"""A portal that ends in the middle of answers, and a reader of its streams."""

from collections.abc import Callable, Iterator

import psutil
import requests
from django.conf import settings

from tests.browser.portal_process import Portal
from tests.keys.portal_subprocess import PortalSubprocess
from tests.playground.sse import Part, events_of, parts_of
from tests.sandbox_process import Sandbox


class PlaygroundSubprocess(PortalSubprocess):
    """A portal that derives Playground keys as the tests do, with `grace_s` to shut down."""

    def __init__(self, gateway: Sandbox, *, grace_s: int = 30, threads: int = 8, **more: str) -> None:
        secret = settings.PLAYGROUND_KEY_SECRET
        received = {
            "DEBUG": "1",
            "WEB_THREADS": str(threads),
            "WEB_GRACE_S": str(grace_s),
            "PLAYGROUND_KEY_SECRET": secret,
        }
        received["PLAYGROUND_UNWATCHED_S"] = "0"
        Portal.__init__(self, gateway, **received, **more)

    @property
    def master(self) -> psutil.Process:
        """The process that was started, and whose children serve."""
        assert self._process
        return psutil.Process(self._process.pid)

    def wait(self, timeout_s: float) -> int:
        """Return how it ended."""
        assert self._process
        return self._process.wait(timeout_s)

    def said(self) -> str:
        """Return its log."""
        return (self.folder / "log").read_text()


class StreamReader:
    """Reads a stream over real HTTP step by step."""

    def __init__(self, response: requests.Response) -> None:
        chunks: Iterator[bytes] = response.iter_content(None)
        self._events = events_of(chunks)
        self.response = response
        self.parts: list[Part] = []

    def until(self, is_enough: "Callable[[StreamReader], bool]") -> None:
        """Read until the condition holds; fail if the stream ends before."""
        while not is_enough(self):
            self.parts += parts_of(next(self._events))

    def read_all(self) -> None:
        """Read to the end of the stream."""
        for data in self._events:
            self.parts += parts_of(data)

    @property
    def text(self) -> str:
        """The pieces of the answer so far."""
        return "".join(part.text for part in self.parts if part.target.startswith("text-"))

    @property
    def said(self) -> str:
        """What was spoken at the end."""
        return self._of("say")

    @property
    def article(self) -> str:
        """The finished answer, as markup."""
        return self._of("answer-")

    def _of(self, target: str) -> str:
        [part] = [part for part in self.parts if part.target.startswith(target)]
        return part.markup
