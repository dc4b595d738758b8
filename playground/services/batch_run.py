"""Makes the calls of batches: a few at once, fewer for one person, each claimed before it is made (ADR 43).

One run at a time makes calls, for some seconds; the next one goes on. Threads call the gateway, and nothing else: the
database is used by the thread of the run.
"""

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field, replace
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.audit import Actor
from accounts.locale import reading_as
from accounts.policies import policy_of
from gateway.client import Gateway
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayUnavailable
from gateway.inference_types import ChatAnswer, ChatRequest
from gateway.log_context import ContextThreads
from gateway.secret import Secret
from keys.services import KeyRefused
from playground.batch_models import Batch, BatchCall, BatchRun
from playground.models import Message
from playground.services import batch_ends as ends
from playground.services.batch_costs import committed_usd
from playground.services.batches import finish_batch
from playground.services.chat import ChatContext, secret_of
from playground.services.quotas import room_of
from playground.services.refusals import AskRefused
from playground.services.requests import USER, chat_request
from web.lease import Lease, LeaseLost, held

logger = logging.getLogger(__name__)

LEASE_S: Final = 30.0  # each sign of life extends it
SIGN_OF_LIFE_S: Final = 5.0
SLICE_S: Final = 20.0  # in which a run begins calls, and then while one of these calls is in progress

State = BatchCall.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A call that is in progress, and whose row says so."""

    batch: Batch
    call: BatchCall
    context: ChatContext
    secret: Secret = field(repr=False)
    is_in_slice: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a call, and how long it took."""

    result: ChatAnswer | GatewayError
    took_s: float


def run_batches(*, slice_s: float = SLICE_S) -> int:
    """Make calls that wait, unless another run does; return how many were made. Settles lost ones first."""
    settle_lost()
    with held(new_lease()) as lease:
        return Run(lease, slice_s).work() if lease else 0


def new_lease() -> Lease:
    """Return the lease of a run, not held yet."""
    return Lease(BatchRun.objects, seconds=LEASE_S)


def settle_lost() -> int:
    """Record that calls whose process died are unknown: nobody makes them again by themselves. Return how many."""
    batches = set(BatchCall.objects.lost().values_list("batch", flat=True))
    settled = BatchCall.objects.lost().update(state=State.UNKNOWN)
    for batch_id in batches:
        finish_batch(batch_id)
    return settled


def is_due() -> bool:
    """Tell whether calls could be made now."""
    return due_batches().filter(calls__state=State.WAITING).exists()


def due_batches() -> "ends.Batches":
    """Return running batches that wait for nothing, oldest first."""
    now = Q(not_before=None) | Q(not_before__lte=timezone.now())
    return Batch.objects.filter(now, state=Batch.State.RUNNING, owner__is_active=True).order_by("created_at")


class Run:
    """One run, under the lease."""

    def __init__(self, lease: Lease, slice_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lease = lease
        self._clock = clock
        self._until = clock() + slice_s
        self._is_over = False
        self._claim = uuid.uuid4()
        self._under_way: dict[Future[Reply], Claimed] = {}
        self._made = 0

    def work(self) -> int:
        """Begin calls until the time is up or nothing is due, then wait for those in progress.

        While a slow call of the time is waited for, others' calls begin: nobody waits for the model of another.
        """
        with ContextThreads(settings.PLAYGROUND_BATCH_CALLS) as threads:
            while True:
                self.begin(threads)
                if not self._under_way:
                    return self._made
                ended, _ = wait(self._under_way, timeout=SIGN_OF_LIFE_S, return_when=FIRST_COMPLETED)
                for future in ended:
                    self._end(self._under_way.pop(future), future)
                self._give_sign_of_life()

    def begin(self, threads: Executor) -> None:
        """Fill the free places, one call of each person in turn."""
        while self._may_begin() and len(self._under_way) < settings.PLAYGROUND_BATCH_CALLS:
            claimed = self._claimed()
            if claimed is None:
                return
            body = _body(claimed.batch, claimed.call)
            self._under_way[threads.submit(_reply, get_gateway(), claimed, body)] = claimed
            self._made += 1

    def _may_begin(self) -> bool:
        if self._is_over:
            return False
        return self._clock() < self._until or any(each.is_in_slice for each in self._under_way.values())

    def _claimed(self) -> Claimed | None:
        """Claim a call of the person with the fewest in progress; None if there is nothing to do."""
        busy = Counter(each.batch.owner_id for each in self._under_way.values())
        batches = list(due_batches().select_related("owner", "parameters", "paid_by__team"))
        for batch in sorted(batches, key=lambda batch: busy[batch.owner_id]):  # stable: oldest first
            if busy[batch.owner_id] >= settings.PLAYGROUND_BATCH_CALLS_PER_USER:
                return None
            call = batch.calls.filter(state=State.WAITING).select_related("prompt").order_by("prompt__number").first()
            if call is None:
                finish_batch(batch.pk)
            elif (ready := _prepared(batch)) and _take(batch, call, self._claim):
                context, secret = ready
                is_in_slice = self._clock() < self._until
                return Claimed(batch=batch, call=call, context=context, secret=secret, is_in_slice=is_in_slice)
        return None

    def _end(self, claimed: Claimed, future: Future[Reply]) -> None:
        """Record what came of a call."""
        reply = future.result()
        if isinstance(reply.result, GatewayError):
            ends.record_error(claimed.call, claimed.batch, claimed.context, reply.result)
        else:
            ends.record_answer(claimed.call, reply.result, took_s=reply.took_s)
        finish_batch(claimed.batch.pk)

    def _give_sign_of_life(self) -> None:
        BatchCall.objects.filter(claim=self._claim, state=State.CALLING).update(seen_at=timezone.now())
        try:
            self._lease.extend()
        except LeaseLost:
            self._is_over = True  # another run begins calls; those in progress end here


def _prepared(batch: Batch) -> tuple[ChatContext, Secret] | None:
    """Return who pays, with the key; None where none can be used now, and the batch says why."""
    owner = batch.owner
    context = ChatContext(user=owner, actor=Actor(user=owner), allowance=policy_of(owner), paid_by=batch.paid_by)
    with reading_as(owner):  # a refusal has its words from the beginning
        try:
            if room_of(owner) > 0:
                return context, secret_of(context)
            ends.pause(batch, ends.no_room)
        except KeyRefused as refusal:
            ends.note_refusal(batch, refusal)
        except AskRefused as refusal:
            ends.pause(batch, refusal.__str__)
        except GatewayError as error:
            ends.note_setback(batch, error)
    return None


def _take(batch: Batch, call: BatchCall, claim: uuid.UUID) -> bool:
    """Claim a call, in a running batch and within its cap; committed before anything is sent."""
    with transaction.atomic():
        running = Batch.objects.select_for_update().filter(pk=batch.pk, state=Batch.State.RUNNING).first()
        if running is None:
            return False
        if running.cap_usd is not None:
            costs = committed_usd(running) + (call.estimate_usd or 0)
            if costs > running.cap_usd:
                ends.pause(batch, ends.at_cap)
                return False
        waiting = BatchCall.objects.filter(pk=call.pk, state=State.WAITING)
        call.claim = claim
        return bool(waiting.update(state=State.CALLING, claim=claim, seen_at=timezone.now()))


def _body(batch: Batch, call: BatchCall) -> ChatRequest:
    message = Message(text=call.prompt.text)
    message.sent_files = []
    params = {"model": call.model, **batch.params}
    user = None if USER in params.get("without", ()) else batch.owner.gateway_user_id
    return replace(chat_request(params, [(message, None)]), user=user)


def _reply(gateway: Gateway, claimed: Claimed, body: ChatRequest) -> Reply:
    """Make the call, in a thread; without the database."""
    began = time.monotonic()
    result: ChatAnswer | GatewayError
    try:
        result = gateway.inference.chat(secret=claimed.secret, body=body, timeout_s=settings.PLAYGROUND_BATCH_CALL_S)
    except GatewayError as error:
        result = error
    except Exception:
        logger.exception("playground.run_batches: call %s", claimed.call.pk)
        result = GatewayUnavailable("The portal could not read the answer.")
    return Reply(result, time.monotonic() - began)
