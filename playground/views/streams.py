"""An answer streamed into a page: the events of its stream, or without JavaScript a page that waits for it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial as partial_of
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from playground.errors.cards import card_of
from playground.errors.problems import problem_of
from playground.markup.citations import cited
from playground.models import Answer
from playground.reasoning import ReasoningSplitter
from playground.rendering.live import LiveAnswer
from playground.services.autosave import save_meanwhile
from playground.services.chat import Job
from playground.services.following import followed
from playground.services.running import Delta, Done, Update, runs_here, start_run
from playground.templatetags.playground_words import seconds
from web.event_stream import KEEP_ALIVE, Appender, event_stream, message, partial
from web.request import PortalRequest
from web.threads import in_thread

LIVE_S = 0.5  # between two updates of seconds and tokens
MARK = SafeString("<!-- until the end -->")
AGAIN_S = 1  # before a page that has lost a stream opens it again
AT_ONCE: Final = 2  # renderings of running answers; one more is tried again with the next text, so that no text waits
_renderers: Final = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="live rendering")  # they wait for the processes
_rendering: Final[set["_Blocks"]] = set()  # those that use one; only the event loop changes it


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamView:
    """Where an answer is shown: its markup at the start and at the end, and its page without JavaScript."""

    article: Callable[[Answer, bool], str]  # the finished element `#answer-<id>`; whether its text stays on the page
    waiting: Callable[[str, int | None], HttpResponse]  # not yet: why, and when (s) it tries again
    page: str  # URL
    first: Callable[[], str] = str  # partials that its page needs before the first token
    extra: Callable[[], str] = str  # more partials at the end, for other changes
    is_markdown: bool = True  # its text is rendered while it streams


def to_stream(answer: Answer) -> HttpResponseRedirect:
    """Redirect a browser without JavaScript to the page that waits for the answer."""
    return HttpResponseRedirect(reverse("playground:stream", args=[answer.pk]))


def streamed(request: PortalRequest, answer: Answer, job: Job | None, view: StreamView) -> StreamingHttpResponse:
    """Stream the text so far and additions of an answer: start it with `job`, which is exclusive, or rejoin it."""
    if request.htmx:
        return event_stream(_events(answer, job, view, translation.get_language()))
    return StreamingHttpResponse(_waiting_page(request, answer, job, view), headers={"X-Accel-Buffering": "no"})


def _updates_of(answer: Answer, job: Job | None) -> AsyncGenerator[Update]:
    if job:
        run = start_run(job)
        save_meanwhile()
        return run.updates()
    run_here = next((run for run in runs_here() if run.job.answer.pk == answer.pk), None)
    return run_here.updates() if run_here else followed(answer)


async def _events(answer: Answer, job: Job | None, view: StreamView, language: str | None) -> AsyncGenerator[bytes]:
    blocks = _Blocks(answer, language) if view.is_markdown else None
    spell = _Speller(answer, language, blocks, is_rejoined=job is None)
    async with aclosing(_updates_of(answer, job)) as updates:
        with translation.override(language):
            first = await in_thread(view.first) if view.first is not str else ""
        yield message(first) if first else KEEP_ALIVE
        async for update in updates:
            if isinstance(update, Delta):
                yield spell(update)
                if blocks and (event := await blocks.finished()):
                    yield event
            elif isinstance(update, Done):
                last = await in_thread(partial_of(blocks.last, update.answer)) if blocks else b""
                if last:
                    yield last
                yield await in_thread(
                    partial_of(
                        _final, view, update.answer, language, stays=bool(last) and not _has_citations(update.answer)
                    )
                )
            else:
                yield KEEP_ALIVE


def _waiting_page(request: HttpRequest, answer: Answer, job: Job | None, view: StreamView) -> AsyncGenerator[bytes]:
    """Show a page that waits for the end of the answer, then redirects to the one that shows it."""
    context = {"answer": answer, "address": view.page, "mark": MARK}
    start, _mark, end = render_to_string("playground/waiting.html", context, request).partition(MARK)

    async def parts() -> AsyncGenerator[bytes]:
        yield start.encode()
        async with aclosing(_updates_of(answer, job)) as updates:
            async for _update in updates:
                yield b"\n"  # keeps the connection alive
        yield end.encode()

    return parts()


class _Speller:
    """Renders the deltas of one answer as events; as much as possible is prepared."""

    def __init__(self, answer: Answer, language: str | None, blocks: "_Blocks | None", *, is_rejoined: bool) -> None:
        self._language = language
        self._blocks = blocks
        self._ids = (f"reasoning-{answer.pk}", f"text-{answer.pk}")
        self._reasoning, self._text = map(Appender, self._ids)
        self._splitter = ReasoningSplitter()
        self._live = f"live-{answer.pk}"
        self._live_again_s = 0.0
        self._replaces = is_rejoined  # the page may show older, or unrendered text

    def __call__(self, delta: Delta) -> bytes:
        """Return the event that adds the delta to the page."""
        text, thought = self._splitter.feed(delta.text)
        reasoning = delta.reasoning + thought
        if self._blocks:
            self._blocks.feed(text)
        if self._replaces:
            self._replaces = False
            found = zip(self._ids, (reasoning, text), strict=True)
            parts = [partial(place, escape(alert), swap="innerHTML") for place, alert in found]
        else:
            parts = [self._reasoning(reasoning)] if reasoning else []
            parts += [self._text(text)] if text else []
        if delta.after_s >= self._live_again_s:
            self._live_again_s = delta.after_s + LIVE_S
            with translation.override(self._language):
                parts.append(partial(self._live, _live(delta), swap="innerHTML"))
        return message(*parts) if parts else KEEP_ALIVE


class _Blocks:
    """Puts finished blocks of one answer before its open one, as HTML."""

    def __init__(self, answer: Answer, language: str | None) -> None:
        self._live = LiveAnswer(language)
        self._prose, self._open, self._text = (f"{name}-{answer.pk}" for name in ("prose", "open", "text"))
        self.feed = self._live.feed

    async def finished(self) -> bytes:
        """Return the event with the blocks that are finished since the last one; empty if there are none."""
        if not self._live.is_due or len(_rendering) >= AT_ONCE:
            return b""
        _rendering.add(self)
        try:
            change = await asyncio.get_running_loop().run_in_executor(_renderers, self._live.advance)
        finally:
            _rendering.discard(self)
        if change is None:
            return b""
        if change.code is None:
            rest = format_html('<div class="ps-live msg-live" id="{}">{}</div>', self._text, change.rest)
        else:
            rest = SafeString(self._live.code_frame(change.rest, change.code, self._text))
        if change.replaces:
            opened = format_html('<div class="ps-open" id="{}">{}</div>', self._open, rest)
            return message(partial(self._prose, change.html + opened, swap="innerHTML"))
        before = partial(self._open, change.html, swap="beforebegin") if change.html else ""
        return message(before + partial(self._open, rest, swap="innerHTML"))

    def last(self, answer: Answer) -> bytes:
        """Return the event with the last blocks, after which the page shows all of the text; empty: it does not."""
        change = self._live.finish(answer.text) if answer.text else None
        if change is None:
            return b""
        if change.replaces:
            return message(partial(self._prose, change.html, swap="innerHTML"))
        gone = partial(self._open, SafeString(""), swap="delete")
        return message(partial(self._open, change.html, swap="beforebegin") + gone)


def _has_citations(answer: Answer) -> bool:
    """Tell whether numbers in the text become links, which the stream did not know yet."""
    sources = answer.extras.get("sources", ())
    return cited(answer.text, sources) != answer.text


def _live(delta: Delta) -> SafeString:
    words = ngettext("%(seconds)s, %(count)d token", "%(seconds)s, %(count)d tokens", delta.count)
    return escape(words % {"seconds": seconds(round(delta.after_s * 1000)), "count": delta.count})


def _final(view: StreamView, answer: Answer, language: str | None, *, stays: bool) -> bytes:
    """Return the event that ends a stream: the finished article, and the sentence for screen readers."""
    with translation.override(language):
        article = partial(f"answer-{answer.pk}", SafeString(view.article(answer, stays)))
        return message(article + view.extra() + partial("say", escape(_spoken(answer)), swap="innerHTML"))


def _spoken(answer: Answer) -> str:
    """Announce once how it ended, for screen readers."""
    if problem := problem_of(answer):
        return str(card_of(problem, answer=answer).title)
    if answer.state == Answer.State.STOPPED:
        return _("Stopped.")
    return _("The answer is finished.")
