"""A process that is killed at any step of a batch: no call is made twice unless the person asks for it."""

from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from django.utils import timezone

import playground.services
from accounts.models import User
from gateway.secret import token_of
from keys.models import Key
from playground.batch_models import LOST_AFTER, Batch, BatchCall, BatchRun
from playground.services import batch_run, batches
from tests.keys.crashes import killed_at_step
from tests.keys.playground_actions import allow, use
from tests.playground.batches import start, started, states
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox
from usage.models import utc_today

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

SERVICES = str(Path(playground.services.__file__).parent)
PROMPTS = ("One [words 2]", "Two [fail 400]", "Three [words 2]")
STEPS_AT_LEAST = 12  # fewer would mean that nothing was traced


def billed(sandbox: Sandbox, owner: User) -> int:
    """Return how many calls the gateway has answered."""
    today = utc_today().isoformat()
    query = {"start_date": today, "end_date": today, "api_key": token_of(use(owner))}
    sums = sandbox.call("GET", "/user/daily/activity", params=query).json()["metadata"]
    return int(sums["total_successful_requests"])


def after_the_kill() -> None:
    """Let the time pass in which another process would notice, and let it work."""
    BatchCall.objects.update(seen_at=timezone.now() - LOST_AFTER - timedelta(seconds=1))
    BatchRun.objects.update(lease_until=timezone.now())
    Batch.objects.update(not_before=None)
    batch_run.run_batches()


@pytest.mark.timeout(300)
def test_no_kill_bills_twice_and_each_call_has_an_end(intern: User, sandbox: Sandbox) -> None:
    know_the_models()
    allow(playground__rpm_limit=None)
    use(intern)
    for step in count(1):
        batch, before = started(intern, *PROMPTS), billed(sandbox, intern)
        if not killed_at_step(step, batch_run.run_batches, SERVICES):
            break
        after_the_kill()

        ends = states(batch)
        left = Batch.objects.get(pk=batch.pk)
        assert set(ends) <= {"complete", "failed", "unknown"}, (step, left.state, left.problem)
        assert Batch.objects.get(pk=batch.pk).state == "done", step
        made = billed(sandbox, intern) - before
        assert ends.count("complete") <= made <= 2, (step, ends)

        is_known = "unknown" not in ends
        batches.retry_calls(batch, BatchCall.State.UNKNOWN)
        start(Batch.objects.get(pk=batch.pk))
        batch_run.run_batches()
        left.refresh_from_db()
        assert states(batch) == ["complete", "failed", "complete"], (step, left.state, left.problem)
        assert billed(sandbox, intern) - before <= (2 if is_known else 4)
        Batch.objects.all().delete()
    assert step > STEPS_AT_LEAST
    assert Key.objects.count() == 1
