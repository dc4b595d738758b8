"""Relay one answer from the gateway: pieces out as they come, and an end that is always written down.

While tokens flow it holds a thread and two sockets, and nothing else: no connection to the database, no lock.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.utils import timezone

from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayKeyRefused, GatewayNotFound, GatewayUnavailable
from gateway.inference_types import ChatRequest
from gateway.stream import ChatStream
from gateway.types import Headers
from keys.services import recheck_playground_key
from playground.models import Answer, Conversation, GeneratedImage
from playground.services.asking import Job
from playground.services.costs import Cost, estimated_cost, told_cost
from playground.services.draft import Draft
from playground.services.mishaps import INTERRUPTED, UNSAVED, Mishap, mishap_of
from playground.services.pictures import forget_pictures, keep_pictures, take_pictures
from playground.services.quotas import note_over_budget, size_of
from playground.services.saver import saved_meanwhile
from playground.services.slots import end_slot
from web.hangups import Hangup
from web.stream_loop import JOIN_S, MOST_JOIN_S, BrowserGone, Outlet
from web.turns import turn

logger = logging.getLogger(__name__)

PATIENCE: Final = 10  # times as long as it was woken too late it pauses next, for others to find their turn
MANY_PIECES: Final = 100
HEAD_START_S: Final = 0.004  # for the request to go out before the page is drawn: both want the interpreter
KEEP_ALIVE_S: Final = 10.0  # a proxy in front of us may end what is silent for longer

State = Answer.State


@dataclass(frozen=True, slots=True)
class Piece:
    """What came since the last one."""

    text: str
    reasoning: str
    count: int  # pieces so far, about as many as tokens
    after_s: float  # since the call began


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing came for a while, and nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer is over, and written down."""

    answer: Answer


Update = Piece | Quiet | Ended


@dataclass(frozen=True, slots=True)
class Direct:
    """A way for the pieces past the server's own thread: into the browser's connection, as `spell` writes them."""

    outlet: Outlet
    spell: Callable[[Piece], bytes]


@dataclass(slots=True)
class _Ending:
    """How it ends, as far as is known; what nobody foresaw is an interruption."""

    state: str = State.FAILED
    mishap: Mishap | None = INTERRUPTED
    headers: Headers | None = None


def relay(job: Job, hangup: Hangup, direct: Direct | None = None) -> Generator[Update]:
    """Make the answer. Closing this iterator, or a browser that hangs up, ends the gateway's work too.

    The first update says nothing: once it is had, the end of the answer is taken care of. With a `direct` way most
    pieces take that, and are not seen here: whoever iterates must have sent one update before asking for the next.
    """
    draft, ending = Draft(), _Ending()
    try:
        yield from _relayed(job, hangup, direct, draft, ending)
        if not hangup.cut_short:  # else it is interrupted
            ending.state, ending.mishap = (State.STOPPED if hangup.gone else State.COMPLETE), None
    except GatewayError as error:
        ending.headers = ending.headers or error.headers
        periods = {"budget_period": job.budget_period, "person_period": job.person_period}
        ending.mishap = mishap_of(error, begun=draft.has_begun, **periods)
        if ending.mishap.code == "over_budget":
            note_over_budget(job.conversation.owner_id)
        if isinstance(error, GatewayKeyRefused | GatewayNotFound):
            _look_at_the_key(job)
    except GeneratorExit:
        ending.state, ending.mishap = State.STOPPED, None
        raise
    finally:
        _settle(job, draft, ending)
    yield Ended(job.answer)


def run_to_end(job: Job, hangup: Hangup) -> Answer:
    """Make the whole answer, for a browser without scripts."""
    for _update in relay(job, hangup):
        pass
    return job.answer


def _relayed(job: Job, hangup: Hangup, direct: Direct | None, draft: Draft, ending: _Ending) -> Iterator[Update]:
    """Yield the pieces; return at the end of the answer, or when the browser has gone."""
    with ExitStack() as stack:
        stream = stack.enter_context(_stream_of(job))
        stack.enter_context(hangup.calls(stream.close))
        draft.began = time.monotonic()
        begun = _begin_aside(stream)
        wait([begun], HEAD_START_S)
        yield Quiet()  # the page is drawn while the gateway thinks
        stack.enter_context(saved_meanwhile(job.answer.pk, job.slot_id, draft))
        _let_go_of_the_database()
        while not wait([begun], KEEP_ALIVE_S).done:
            yield Quiet()
        with suppress(StopIteration):  # closed before it began
            begun.result()
        ending.headers = stream.headers
        try:
            yield from _pieces(stream, draft, direct)
        except BrowserGone:
            hangup.gone = True


def _begin_aside(stream: ChatStream) -> Future[None]:
    """Send the request in a thread that lives until the gateway begins to answer, or until the stream is closed."""
    begun: Future[None] = Future()

    def begin() -> None:
        try:
            stream.start()
        except BaseException as error:  # noqa: BLE001  (raised again where it is waited for)
            begun.set_exception(error)
        else:
            begun.set_result(None)

    threading.Thread(target=begin, name="begin", daemon=True).start()
    return begun


def _look_at_the_key(job: Job) -> None:
    """Find out why the gateway no longer takes the key, so that the next call makes or renews it."""
    with suppress(GatewayError, DatabaseError):
        recheck_playground_key(job.conversation.owner)


def _stream_of(job: Job) -> ChatStream:
    inference, silence_s = get_gateway().inference, settings.PLAYGROUND_SILENCE_S
    if isinstance(job.body, ChatRequest):
        return inference.stream_chat(secret=job.secret, body=job.body, silence_s=silence_s, usage=job.usage)
    return inference.stream_complete(secret=job.secret, body=job.body, silence_s=silence_s, usage=job.usage)


def _let_go_of_the_database() -> None:
    """Give the connection back to the pool; not where a test holds a transaction around everything."""
    if not connection.in_atomic_block:
        connection.close()


def _pieces(stream: ChatStream, draft: Draft, direct: Direct | None = None) -> Iterator[Update]:
    sent = _Sent()
    pause_s = JOIN_S
    while True:
        yield from _until_something_comes(stream)
        if not _gather(stream, draft):
            return
        if piece := sent.next(draft):
            yield piece
        if not (stream.is_read or (direct and _carry(stream, draft, sent, direct))):
            pause_s = _pause(pause_s)


@dataclass(slots=True)
class _Sent:
    """How much of a draft the browser has: so many texts, so many of its reasoning."""

    texts: int = 0
    thoughts: int = 0

    def next(self, draft: Draft) -> Piece | None:
        """Return what came since, if anything."""
        text, reasoning = draft.first.text[self.texts :], draft.first.reasoning[self.thoughts :]
        if not (text or reasoning):
            return None
        self.texts = _packed(draft.first.text, self.texts + len(text))
        self.thoughts = _packed(draft.first.reasoning, self.thoughts + len(reasoning))
        return Piece("".join(text), "".join(reasoning), draft.count, time.monotonic() - draft.began)


def _packed(pieces: list[str], sent: int) -> int:
    """Make one text of those that were sent, once they are many: each takes as much room as fifty letters."""
    if sent < MANY_PIECES:
        return sent
    pieces[:sent] = ["".join(pieces[:sent])]
    return 1


@dataclass(frozen=True, slots=True)
class _Flowing:
    """An answer in the hands of the stream loop."""

    descriptor: int
    stream: ChatStream
    draft: Draft
    sent: _Sent
    spell: Callable[[Piece], bytes]

    def fileno(self) -> int:
        return self.descriptor

    def take(self) -> tuple[bytes, bool]:
        deltas = self.stream.now()
        for delta in deltas or ():
            self.draft.add(delta)
        piece = self.sent.next(self.draft) if deltas else None
        return self.spell(piece) if piece else b"", deltas is not None and not self.stream.is_read


def _carry(stream: ChatStream, draft: Draft, sent: _Sent, direct: Direct) -> bool:
    """Sleep while the answer flows; what comes then, the end above all, is for the caller. False: nothing flowed so."""
    before = draft.count
    with stream.unwaited() as descriptor:
        if descriptor is not None:
            direct.outlet.carry(_Flowing(descriptor, stream, draft, sent, direct.spell))
    return draft.count > before


def _pause(pause_s: float) -> float:
    """Sleep, as to wake once for many tokens costs less; return how long next: longer where the processor is busy."""
    began = time.monotonic()
    time.sleep(pause_s)
    late_s = time.monotonic() - began - pause_s
    return min(MOST_JOIN_S, max(JOIN_S, PATIENCE * late_s))


def _until_something_comes(stream: ChatStream) -> Iterator[Quiet]:
    """Wait, with a sign of life every so often, until the gateway says something or was silent for too long."""
    until = time.monotonic() + settings.PLAYGROUND_SILENCE_S
    while not stream.more_within(min(KEEP_ALIVE_S, settings.PLAYGROUND_SILENCE_S)):
        if time.monotonic() >= until:
            raise GatewayUnavailable("No word came for too long.", timed_out=True)
        yield Quiet()


def _gather(stream: ChatStream, draft: Draft) -> bool:
    """Take in what has come, for no longer than a pause; False at the end of the answer."""
    until = time.monotonic() + JOIN_S
    deltas = found = stream.at_hand() or [*islice(stream, 1)]  # the latter: the end, or the error that it is
    while deltas:
        for delta in deltas:
            draft.add(delta)
        if stream.is_read or time.monotonic() > until or not stream.more_within(0):
            break
        deltas = stream.at_hand()
    return bool(found)


@turn()
def _settle(job: Job, draft: Draft, ending: _Ending) -> None:
    """Write down the end. A database that is away costs the row its end, which the task `playground.settle` writes."""
    pictures = _finish(job.answer, draft, ending)
    is_kept = False
    try:
        is_cost_open = job.answer.cost_usd is None and (draft.has_begun or _is_billed_unheard(ending))
        if is_cost_open:  # at once, for a page that shows a stopped answer while the gateway is still asked
            _take(job.answer, estimated_cost(body=job.body, draft=draft, ask=False))
        _write(job, pictures)
        is_kept = True
        if is_cost_open and ending.mishap is None:
            _write_cost(job, draft)
    except DatabaseError as error:
        logger.warning("playground: the end of an answer was not written, %s", type(error).__name__)
        if not is_kept:
            forget_pictures(job.answer)
            job.answer.problem = replace(ending.mishap or UNSAVED, unsaved=True).as_json()
    finally:
        _let_go_of_the_database()


def _is_billed_unheard(ending: _Ending) -> bool:
    """Tell whether the gateway may bill the prompt though no word came: seen after a stop, likely after a timeout."""
    return ending.state == State.STOPPED or (ending.mishap is not None and ending.mishap.code == "timeout")


def _finish(answer: Answer, draft: Draft, ending: _Ending) -> list[GeneratedImage]:
    """Put what came, and how it ended, into the row; return its pictures. Nothing is saved yet."""
    choice, usage, headers = draft.first, draft.usage, ending.headers
    answer.state, answer.problem = ending.state, ending.mishap.as_json() if ending.mishap else None
    answer.text, answer.reasoning = "".join(choice.text), "".join(choice.reasoning)
    answer.tool_calls, answer.others, answer.finish_reason = choice.called(), draft.others(), choice.finish_reason[:40]
    answer.completion_tokens = draft.count or None
    if usage:
        answer.prompt_tokens = usage.prompt_tokens
        answer.completion_tokens = usage.completion_tokens or answer.completion_tokens
        answer.reasoning_tokens, answer.cached_tokens = usage.reasoning_tokens, usage.cached_tokens
    if headers:
        answer.headers = dict(headers.raw)
        answer.call_id, answer.answered_by = (headers.call_id or "")[:200], (headers.model_group or "")[:200]
    _take(answer, told_cost(draft))
    answer.first_token_ms = None if draft.first_after_s is None else round(draft.first_after_s * 1000)
    answer.took_ms = round((time.monotonic() - draft.began) * 1000)
    answer.ended_at = answer.saved_at = timezone.now()
    answer.extras = choice.extras()
    return take_pictures(answer, [draft.choices[index] for index in sorted(draft.choices)])


ENDED_FIELDS: Final = (
    "state",
    "text",
    "reasoning",
    "tool_calls",
    "others",
    "extras",
    "finish_reason",
    "problem",
    "answered_by",
    "call_id",
    "headers",
    "prompt_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "cached_tokens",
    "cost_usd",
    "cost_source",
    "first_token_ms",
    "took_ms",
    "saved_at",
    "ended_at",
)


def _write(job: Job, pictures: Sequence[GeneratedImage]) -> None:
    """Save the end, once: of two who settle the same answer the first is believed."""
    answer = job.answer
    with transaction.atomic():
        told = {name: getattr(answer, name) for name in ENDED_FIELDS}
        values = [answer.tool_calls, answer.others, answer.extras, answer.headers]
        size = size_of(answer.text, answer.reasoning, values=values)
        more = F("stored_bytes") + size
        if Answer.objects.filter(pk=answer.pk, state=State.STREAMING).update(**told, stored_bytes=more):
            if pictures:
                more += keep_pictures(job.conversation.owner, answer, pictures, besides=size)
            Conversation.objects.filter(pk=job.conversation.pk).update(stored_bytes=more)
        end_slot(job.slot_id)


def _write_cost(job: Job, draft: Draft) -> None:
    """Ask the gateway for what it did not tell; without a connection held meanwhile."""
    _let_go_of_the_database()
    _take(job.answer, estimated_cost(body=job.body, draft=draft, ask=True))
    Answer.objects.filter(pk=job.answer.pk).update(cost_usd=job.answer.cost_usd, cost_source=job.answer.cost_source)


def _take(answer: Answer, cost: Cost) -> None:
    answer.cost_usd, answer.cost_source = cost.usd, cost.source
