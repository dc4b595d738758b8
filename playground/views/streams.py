"""An answer on its way into a page: the events of its stream, or the whole of it where there are no scripts."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from django.http import HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from playground.models import Answer
from playground.reasoning import ReasoningSplitter
from playground.services.asking import Job
from playground.services.cards import card_of
from playground.services.problems import problem_of
from playground.services.relay import Direct, Ended, Piece, relay, run_to_end
from playground.templatetags.playground_words import seconds
from web.event_stream import KEEP_ALIVE, Appender, event_stream, message, partial
from web.hangups import Hangup
from web.request import PortalRequest
from web.stream_loop import Outlet
from web.turns import aside, turn

LIVE_S = 0.5  # between two counts of seconds and tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where an answer is shown: what opens it, how the finished one looks, and its page without scripts."""

    opening: Callable[[], str]  # partials
    article: Callable[[Answer], str]  # the element `#answer-<id>`, finished
    page: str  # address
    beside: Callable[[], str] = str  # more partials at the end, for what else changes then


def streamed(request: PortalRequest, job: Job, stage: Stage) -> HttpResponseBase:
    """Answer with the stream of `job`; without htmx make the whole answer first, and lead to its page."""
    hangup = Hangup(request)
    if not request.htmx:
        with aside():
            run_to_end(job, hangup)
        return HttpResponseRedirect(stage.page)
    return event_stream(_events(job, hangup, Outlet.of(request), stage, translation.get_language()))


def _events(job: Job, hangup: Hangup, outlet: Outlet | None, stage: Stage, language: str | None) -> Iterator[bytes]:
    spell = _Speller(job.answer, language)
    with closing(relay(job, hangup, Direct(outlet, spell) if outlet else None)) as updates:
        next(updates)  # whatever happens to the opening, the answer has an end
        with turn(ahead=True), translation.override(language):
            opening = message(stage.opening())
        yield opening
        for update in updates:
            if isinstance(update, Piece):
                yield spell(update)
            elif isinstance(update, Ended):
                with turn(), translation.override(language):
                    closing_event = message(_closing(stage, update.answer))
                yield closing_event
            else:
                yield KEEP_ALIVE


class _Speller:
    """Spells the pieces of one answer; all that can be is prepared."""

    def __init__(self, answer: Answer, language: str | None) -> None:
        self._language = language
        self._text = Appender(f"text-{answer.pk}")
        self._reasoning = Appender(f"reasoning-{answer.pk}")
        self._splitter = ReasoningSplitter()
        self._live = f"live-{answer.pk}"
        self._live_again_s = 0.0

    def __call__(self, piece: Piece) -> bytes:
        """Return the event that puts the piece into the page."""
        text, thought = self._splitter.feed(piece.text)
        reasoning = piece.reasoning + thought
        parts = [self._reasoning(reasoning)] if reasoning else []
        if text:
            parts.append(self._text(text))
        if piece.after_s >= self._live_again_s:
            self._live_again_s = piece.after_s + LIVE_S
            with translation.override(self._language):
                parts.append(partial(self._live, _live(piece), swap="innerHTML"))
        return message(*parts) if parts else KEEP_ALIVE


def _live(piece: Piece) -> SafeString:
    words = ngettext("%(seconds)s, %(count)d token", "%(seconds)s, %(count)d tokens", piece.count)
    return escape(words % {"seconds": seconds(round(piece.after_s * 1000)), "count": piece.count})


def _closing(stage: Stage, answer: Answer) -> str:
    """Return the partials that end a stream: the finished article, and the sentence that is spoken."""
    article = partial(f"answer-{answer.pk}", SafeString(stage.article(answer)))
    return article + stage.beside() + partial("say", escape(_spoken(answer)), swap="innerHTML")


def _spoken(answer: Answer) -> str:
    """Say once how it ended, to who does not see it."""
    if problem := problem_of(answer):
        return str(card_of(problem, answer=answer).title)
    if answer.state == Answer.State.STOPPED:
        return _("Stopped.")
    return _("The answer is finished.")
