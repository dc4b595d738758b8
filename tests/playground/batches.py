"""Batches for tests."""

from collections.abc import Sequence
from typing import Any

from accounts.models import User
from keys.models import GatewayModel
from playground.batch_models import Batch, BatchCall
from playground.services.batches import NewBatch, create_batch, start_batch
from playground.services.payers import Payers
from tests.playground.streams import context

MODEL, OTHER = "gpt-4o-mini", "claude-3-haiku"


def drafted(owner: User, *prompts: str, models: Sequence[str] = (MODEL,), **more: Any) -> Batch:
    """Create a batch that has not started."""
    asker = context(owner, more.pop("paid_by", None))
    found = [GatewayModel.objects.get(name=name) for name in models]
    new = NewBatch(title="exam.csv", prompts=prompts, models=found, params=more.pop("params", {}), **more)
    return create_batch(asker, new)


def start(batch: Batch) -> None:
    """Start it, as its page does."""
    asker = context(batch.owner, batch.paid_by)
    start_batch(asker, batch, [model.name for model in Payers.of(asker.user, asker.allowance).models_of(batch.paid_by)])


def started(owner: User, *prompts: str, **more: Any) -> Batch:
    """Create a batch and start it."""
    batch = drafted(owner, *prompts, **more)
    start(batch)
    return batch


def states(batch: Batch) -> list[str]:
    """Return the states of its calls, in order."""
    return list(batch.calls.order_by("prompt__number", "pk").values_list("state", flat=True))


def call(batch: Batch) -> BatchCall:
    """Return its only call, as the database has it."""
    return batch.calls.get()
