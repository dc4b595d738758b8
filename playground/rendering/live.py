"""An answer that is rendered while it streams: finished blocks as HTML, the open one as it was written."""

import time
from collections.abc import Callable
from html import escape
from secrets import token_hex
from typing import Final, NamedTuple

from django.utils.safestring import SafeString

from playground.markup.code import framed, language_of
from playground.markup.process import Job, Reply
from playground.reasoning import parted
from playground.rendering.answers import MOST_CHARS, PAGE_S
from playground.rendering.frames import renderer_in
from playground.rendering.pool import NotRendered, rendering_pool
from playground.rendering.saved import Rendering, save_renderings
from playground.rendering.scanner import BlockScanner

LIVE_CPU_S: Final = 1.0  # of the rendering processes, for one answer on one page; the rest waits for the end
FREE_S: Final = 0.1  # to wait for a process: the text that arrives waits as long
GROWTH: Final = 0.25  # of a text that was looked at in vain, before it is looked at again
SHORT_CHARS: Final = 500  # so short a text may be looked at any time

Render = Callable[[Job], Reply | None]


class Change(NamedTuple):
    """Blocks that are finished now, and all of the text after them."""

    html: SafeString
    replaces: bool  # all blocks before, too
    rest: str  # as written
    code: str | None = None  # the rest is an open block of code, in this language


def render_in_process(job: Job) -> Reply | None:
    """Render it in a process of the pool; None if none was free."""
    pool = rendering_pool()
    if not pool.fast.has_started:
        if not job.is_last:
            return None
        pool.fast.wait_for_start()
    now = time.monotonic()
    try:
        reply = pool.fast.render(job, now + PAGE_S, free_before=now + FREE_S)
        return pool.slow.render(job, now + PAGE_S) if reply.timed_out else reply
    except NotRendered:
        return None


class LiveAnswer:
    """The text of one answer, for one page. One thread at a time uses it."""

    def __init__(self, language: str | None, render: Render = render_in_process) -> None:
        self._renderer = renderer_in(language)
        self._render = render
        self._mark, self._own = f"z{token_hex(12)}z", f"code-{token_hex(4)}"
        self._scanner = BlockScanner()
        self._text, self._news, self._held = "", "", ""
        self._html: list[str] = []
        self._progress = ""
        self._base = 0  # where the next part begins
        self._shown = 0  # where the blocks that are shown end
        self._next_size = 0  # of the text, before it is worth looking again
        self._left_s = LIVE_CPU_S
        self._has_failed = False

    def feed(self, text: str) -> None:
        """Add text."""
        text = self._held + text
        self._held = "\r" if text.endswith("\r") else ""
        text = _with_line_feeds(text.removesuffix("\r"))
        self._news += text
        self._scanner.feed(text)

    @property
    def is_due(self) -> bool:
        """Whether blocks may have been finished."""
        return self._scanner.is_due and not self._has_failed

    def advance(self, *, is_last: bool = False) -> Change | None:
        """Render the blocks that are finished, or all of a text that `is_last`; None: there are no new ones."""
        self._scanner.is_due = False
        self._text, self._news = self._text + self._news, ""
        if len(self._text) > MOST_CHARS or self._left_s <= 0:
            self._has_failed = True
        if self._has_failed or (len(self._text) < self._next_size and not is_last):
            return None
        base = self._base
        reply = self._replied(is_last=is_last)
        if reply and reply.restarts:
            base = self._base = 0
            self._progress = ""
            reply = self._replied(is_last=is_last)
        if reply is None:
            self._scanner.is_due = True
            return None
        if reply.html is None:
            self._has_failed = True
            return None
        change = self._change(reply, reply.html, base)
        return change if change.html or change.replaces or change.code is not None or is_last else None

    def finish(self, text: str) -> Change | None:
        """Render the last blocks of an answer with this text, and keep the result; None: it is not rendered here."""
        self.feed(self._held and "\n")
        change = None if parted(text)[0] else self.advance(is_last=True)
        if change is None or self._text != _with_line_feeds(text):
            return None
        save_renderings({text: Rendering("".join(self._html), self._mark)}, self._renderer)
        return change

    def code_frame(self, code: str, language: str, code_id: str) -> str:
        """Return the open block of code in its frame."""
        return framed(escape(code), language, code_id, self._renderer.frames)

    def _replied(self, *, is_last: bool) -> Reply | None:
        job = Job(self._text[self._base :], self._renderer.frames, self._mark, self._progress, is_last)
        reply = self._render(job)
        if reply:
            self._left_s -= reply.cpu_s
        return reply

    def _change(self, reply: Reply, html: str, base: int) -> Change:
        shown = base + reply.shown
        is_slow = shown == self._shown or reply.progress is None
        replaces = base == 0 and bool(self._html)
        self._html = [html] if base == 0 else [*self._html, html]
        self._shown = shown
        if reply.progress is not None:
            self._base, self._progress = shown, reply.progress
        size = len(self._text) - self._base
        self._next_size = len(self._text) + int(GROWTH * size) if is_slow and size > SHORT_CHARS else 0
        rest, language = self._text[shown:], None
        if reply.code:
            language, rest = language_of(reply.code[0])[0], self._text[base + reply.code[1] :]
        own = SafeString(html.replace(self._mark, self._own))  # sanitised, then our own pieces
        return Change(own, replaces, rest, language)


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
