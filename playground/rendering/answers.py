"""Answers as HTML within a processor budget for each page. Text that is too expensive is shown as written."""

import time
from collections.abc import Iterable, Mapping, Sequence
from secrets import token_hex
from typing import Final

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from playground.markup.citations import cited
from playground.markup.process import Job
from playground.reasoning import parted
from playground.rendering.frames import Renderer, renderer_in
from playground.rendering.pool import Lane, NotRendered, rendering_pool
from playground.rendering.prompts import as_written_html
from playground.rendering.saved import Rendering, save_renderings, saved_renderings

MOST_CHARS: Final = 100_000
PAGE_CPU_S: Final = 1.0  # of the rendering processes, for texts that are not cached
PAGE_S: Final = 5.0  # of wall-clock time: long, for a busy machine
AT_ONCE_S: Final = 0.05  # for so long a page waits while holding its turn; beyond it, it lets others proceed
PAGE_CHARS: Final = 2_000_000  # of HTML


class RenderedAnswers:
    """The answers of a page; any other text is rendered on request."""

    def __init__(self, renderings: dict[str, Rendering]) -> None:
        self._renderings = renderings

    def html(self, text: str, sources: Sequence[Mapping[str, str]] = ()) -> SafeString:
        """Return a model's Markdown as HTML, with its reasoning folded; numbers in brackets refer to its sources.

        The ids in it are new each time, so the same answer may occur twice in a page.
        """
        thought, content = parted(text)
        if not thought:
            return self._content_html(content, sources)
        folded = render_to_string("playground/_thought.html", {"thought": thought})
        return folded + self._content_html(content, sources) if content else folded

    def _content_html(self, written: str, sources: Sequence[Mapping[str, str]]) -> SafeString:
        text = cited(written, sources)
        if text not in self._renderings:
            self._renderings.update(_renderings([text]))
        html, mark, _ = self._renderings[text]
        if html is None:
            return as_written_html(written)
        own = mark_safe(html.replace(mark, f"code-{token_hex(4)}"))  # noqa: S308  (sanitised, then our own pieces)
        return render_to_string("playground/_prose.html", {"html": own})


def render_answers(texts: Iterable[str]) -> RenderedAnswers:
    """Render the answers of a page, in the active language, within one budget."""
    return RenderedAnswers(_renderings([parted(text)[1] for text in texts]))


def content_of(text: str, sources: Sequence[Mapping[str, str]]) -> str:
    """Return the Markdown of an answer without its reasoning; numbers in brackets refer to its sources."""
    return cited(parted(text)[1], sources)


def answer_html(text: str) -> SafeString:
    """Return one answer as HTML."""
    return RenderedAnswers({}).html(text)


def _renderings(texts: Sequence[str]) -> dict[str, Rendering]:
    """Return a rendering for each text: from the cache, or made now as far as the budget allows."""
    renderer = renderer_in(get_language())
    short = dict.fromkeys(text for text in texts if len(text) <= MOST_CHARS)
    found = saved_renderings(short, renderer)
    slow = [text for text, rendering in found.items() if rendering.is_unfinished]
    missing = [text for text in short if text not in found]
    if missing or slow:
        work = _Work(renderer, slow)
        work.do(missing)
        save_renderings(work.done, renderer)
        found.update(work.done)
    shown: dict[str, Rendering] = {}
    chars = 0
    for text in texts:
        rendering = found.get(text, Rendering(None))  # too long, or the budget was used up
        chars += len(rendering.html or "")
        shown[text] = rendering if chars <= PAGE_CHARS else Rendering(None)
    return shown


class _Work:
    """The texts of a page that are not cached: rendered as far as the page's budget allows."""

    def __init__(self, renderer: Renderer, slow: Iterable[str]) -> None:
        self.done: dict[str, Rendering] = {}
        self._slow = list(slow)  # these skip the fast lane
        self._renderer = renderer
        self._left_s = PAGE_CPU_S
        self._ends_at = 0.0

    def do(self, texts: Sequence[str]) -> None:
        """Render the texts, fast ones first; other requests proceed meanwhile, unless it is a single fast text."""
        pool = rendering_pool()
        if not pool.fast.has_started:
            pool.fast.wait_for_start()
        self._ends_at = time.monotonic() + PAGE_S
        if len(texts) == 1 and not self._slow:
            self._render(pool.fast, texts[0], free_before=time.monotonic() + AT_ONCE_S)
        if self._slow or not all(text in self.done for text in texts):
            for text in texts:
                if text not in self.done and text not in self._slow:
                    self._render(pool.fast, text)
            for text in self._slow:
                self._render(pool.slow, text)
        for text in self._slow:
            self.done.setdefault(text, Rendering(None, is_unfinished=True))

    def _render(self, lane: Lane, text: str, *, free_before: float | None = None) -> None:
        if self._left_s <= 0:
            return
        mark = f"z{token_hex(12)}z"
        try:
            reply = lane.render(Job(text, self._renderer.frames, mark), self._ends_at, free_before=free_before)
        except NotRendered:
            return
        self._left_s -= reply.cpu_s
        if reply.timed_out and not lane.is_last:
            self._slow.append(text)
        else:
            self.done[text] = Rendering(reply.html, mark)
