"""What a person does with a batch: create it, start, stop, retry, delete. The calls are made by batch_run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from keys.models import GatewayModel
from playground.batch_models import Batch, BatchCall, BatchPrompt
from playground.models import ParameterSet
from playground.services.batch_costs import budget_left, committed_usd, estimate_of, estimated_call
from playground.services.chat import ChatContext, secret_of
from playground.services.deletion import delete_batches
from playground.services.limits import lock_owner
from playground.services.quotas import ROW_BYTES, claim_storage, size_of
from playground.services.refusals import AskRefused
from web.tasks import ask_worker
from web.templatetags.portal import usd

RUN: Final = "playground.run_batches"

State = Batch.State
RETRIED: Final = {  # by the names of the page's buttons
    "unknown": BatchCall.State.UNKNOWN,
    "failed": BatchCall.State.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A list of prompts, with the models and settings for all of them."""

    title: str
    prompts: Sequence[str]
    models: Sequence[GatewayModel]
    params: Mapping[str, Any]
    limit_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How many calls are in each state, and the cost so far, of those whose cost is known."""

    waiting: int
    calling: int
    complete: int
    failed: int
    unknown: int
    cost_usd: Decimal | None

    @property
    def total(self) -> int:
        """All calls."""
        return self.waiting + self.calling + self.ended

    @property
    def ended(self) -> int:
        """Those that are over, however they ended."""
        return self.complete + self.failed + self.unknown


def create_batch(context: ChatContext, new: NewBatch) -> Batch:
    """Save a batch that has not started. Raises AskRefused; then nothing was saved."""
    owner = context.user
    parameters = ParameterSet.of(owner.pk, new.params)
    size = size_of(new.title, *new.prompts) + ROW_BYTES * len(new.prompts) * (1 + len(new.models))
    batch = Batch(
        owner=owner,
        title=new.title,
        model_names=[model.name for model in new.models],
        parameters=parameters,
        paid_by=context.paid_by,
        limit_usd=new.limit_usd,
        stored_bytes=size,
    )
    with transaction.atomic():
        lock_owner(owner)
        claim_storage(owner, added_bytes=size, parameters=parameters, is_new=True)
        batch.save(force_insert=True)
        prompts = [BatchPrompt(batch=batch, number=number, text=text) for number, text in enumerate(new.prompts, 1)]
        BatchPrompt.objects.bulk_create(prompts)
        BatchCall.objects.bulk_create(
            BatchCall(
                batch=batch,
                prompt=prompt,
                model=model.name,
                estimate_usd=estimated_call(prompt.text, new.params, model),
            )
            for prompt in prompts
            for model in new.models
        )
    return batch


def start_batch(context: ChatContext, batch: Batch, callable_names: Sequence[str]) -> None:
    """Begin, or go on, with the calls that wait; a second click changes nothing.

    `callable_names` are the models that its payer pays for now. Raises AskRefused, KeyRefused, GatewayUnavailable or
    GatewayRejected, and then it does not run.
    """
    if missing := [name for name in batch.model_names if name not in callable_names]:
        words = _("These models cannot be called any more: %(names)s. Nothing was started.")
        raise AskRefused("wording", words % {"names": ", ".join(missing)})
    secret_of(context)  # the key is created now, so that a refusal is seen now
    left, estimate = budget_left(context), estimate_of(batch)
    if left is not None and estimate.usd > left:
        words = _("This will cost about %(estimate)s, and the budget has %(left)s left. Nothing was started.")
        raise AskRefused("over_budget", words % {"estimate": usd(estimate.usd), "left": usd(left)})
    with transaction.atomic():
        ready = Batch.objects.select_for_update().filter(pk=batch.pk, state__in=Batch.STARTABLE).first()
        if ready is None or not ready.calls.filter(state=BatchCall.State.WAITING).exists():
            return
        of_budget = None if left is None else committed_usd(ready) + left
        bounds = [bound for bound in (ready.limit_usd, of_budget) if bound is not None]
        ready.state, ready.cap_usd = State.RUNNING, min(bounds, default=None)
        ready.problem, ready.setbacks, ready.not_before, ready.used_at = "", 0, None, timezone.now()
        ready.save(update_fields=["state", "cap_usd", "problem", "setbacks", "not_before", "used_at"])
        transaction.on_commit(partial(ask_worker, RUN), robust=True)


def stop_batch(batch: Batch) -> None:
    """Begin no further call; those in progress end, since they are billed anyway."""
    Batch.objects.filter(pk=batch.pk, state=State.RUNNING).update(
        state=State.STOPPED, problem="", used_at=timezone.now()
    )


def retry_calls(batch: Batch, state: str) -> int:
    """Let the calls in this state wait again, of a batch that does not run; return how many. `start_batch` goes on.

    What may have been billed keeps counting towards the limits.
    """
    with transaction.atomic():
        ready = Batch.objects.select_for_update().filter(pk=batch.pk, state__in=Batch.STARTABLE).first()
        if ready is None:
            return 0
        again = BatchCall.objects.filter(batch=batch, state=state)
        if state == BatchCall.State.UNKNOWN:
            ready.retried_usd += again.aggregate(total=Sum("estimate_usd"))["total"] or 0
        count = again.update(state=BatchCall.State.WAITING, claim=None, seen_at=None, problem=None)
        if ready.state == State.DONE:
            ready.state = State.STOPPED
        ready.save(update_fields=["retried_usd", "state"])
    return count


def delete_batch(batch: Batch) -> bool:
    """Delete it with all answers; False while it runs."""
    with transaction.atomic():
        return bool(delete_batches(Batch.objects.filter(pk=batch.pk).exclude(state=State.RUNNING)))


def progress_of(batch: Batch) -> Progress:
    """Return how far it is, in one query."""
    states = {state.value: Count("pk", filter=Q(state=state)) for state in BatchCall.State}
    return Progress(**batch.calls.aggregate(**states, cost_usd=Sum("cost_usd")))


def finish_batch(batch_id: UUID) -> None:
    """Record that a running batch has ended, if no call waits or is in progress."""
    left = BatchCall.objects.filter(batch=batch_id, state__in=(BatchCall.State.WAITING, BatchCall.State.CALLING))
    if not left.exists():
        Batch.objects.filter(pk=batch_id, state=State.RUNNING).update(
            state=State.DONE, problem="", used_at=timezone.now()
        )
