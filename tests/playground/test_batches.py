"""Batches: each call is made once, within limits, and what cannot be known is left to the person."""

import socket
import uuid
from concurrent.futures import Executor, Future
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from courses.models import Course
from gateway.errors import GatewayRejected
from gateway.inference_types import ChatAnswer, Choice
from gateway.types import Headers
from keys.models import Key
from playground import tasks
from playground.batch_models import LOST_AFTER, Batch, BatchCall, BatchRun
from playground.models import ParameterSet
from playground.services import batch_ends, batch_run, batches, prune
from playground.services.batch_costs import estimate_of
from playground.services.refusals import AskRefused
from tests.courses.courses import enrol, make_course
from tests.factories import change_policies, make_staff
from tests.keys.actions import set_at_gateway
from tests.playground.batches import MODEL, OTHER, call, drafted, start, started, states
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks, waiting_tasks

pytestmark = pytest.mark.django_db
CHAT = "/chat/completions"


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    know_the_models()


class Unending(Executor):
    """Threads whose calls do not end."""

    def submit(self, *_call: Any, **_named: Any) -> "Future[Any]":
        """Return a call that goes on."""
        return Future()


def answer(text: str) -> ChatAnswer:
    choice = Choice(text=text, reasoning="", tool_calls=(), finish_reason="stop")
    return ChatAnswer(id=None, model=None, choices=(choice,), usage=None, headers=Headers())


def now(batch: Batch) -> Batch:
    batch.refresh_from_db()
    return batch


def run_again(batch: Batch) -> None:
    """Run at once, though the batch waits."""
    Batch.objects.filter(pk=batch.pk).update(not_before=None)
    batch_run.run_batches()


def test_every_prompt_is_answered_by_every_model_with_the_persons_settings(intern: User) -> None:
    params = {"system": "Answer in one word.", "max_tokens": 5, "temperature": 0.5}
    batch = started(intern, "One [echo]", "Two [echo]", models=[MODEL, OTHER], params=params)
    run_tasks()

    assert now(batch).state == Batch.State.DONE
    assert states(batch) == ["complete"] * 4
    answer = batch.calls.filter(model=MODEL).earliest("prompt__number")
    assert answer.text.startswith("One")
    assert answer.completion_tokens
    assert answer.cost_usd
    assert answer.cost_source == "reported"
    assert batches.progress_of(batch).cost_usd == sum(each.cost_usd or 0 for each in batch.calls.all())
    assert Key.objects.get().kind == Key.Kind.PLAYGROUND


def test_is_estimated_before_it_starts_and_refused_beyond_the_budget(intern: User) -> None:
    change_policies(playground__budget_usd=Decimal("0.01"), playground__budget_period="30d")
    batch = drafted(intern, *["A long question"] * 50)
    estimate = estimate_of(batch)
    assert estimate.usd > Decimal("0.01")
    assert not estimate.unpriced
    short = estimate_of(drafted(intern, *["A long question"] * 50, params={"max_tokens": 5}))
    assert short.usd < estimate.usd / 20

    with pytest.raises(AskRefused, match="the budget has 0.01"):
        start(batch)
    assert now(batch).state == Batch.State.DRAFT


def test_stops_before_its_limit(intern: User) -> None:
    batch = drafted(intern, *["Hello [words 300]"] * 6)
    one = batch.calls.first()
    assert one
    assert one.estimate_usd
    Batch.objects.filter(pk=batch.pk).update(limit_usd=one.estimate_usd * 2)
    start(now(batch))
    batch_run.run_batches()

    assert now(batch).state == Batch.State.PAUSED
    assert "could cost more" in batch.problem
    assert 1 <= states(batch).count("complete") < 6


def test_pauses_when_the_gateway_says_that_the_budget_is_used_up(intern: User, sandbox: Sandbox) -> None:
    batch_run_of(intern, "Hello [words 50]")  # spends something
    [row] = sandbox.live_keys()
    batch = started(intern, *["Hello"] * 3)
    set_at_gateway(sandbox, row["token"], max_budget=0.0000001)
    batch_run.run_batches()

    assert now(batch).state == Batch.State.PAUSED
    assert "budget" in batch.problem
    assert states(batch) == ["waiting"] * 3
    set_at_gateway(sandbox, row["token"], max_budget=1)
    start(batch)
    batch_run.run_batches()
    assert states(batch) == ["complete"] * 3


def batch_run_of(owner: User, *prompts: str) -> Batch:
    """Start a batch and run it."""
    batch = started(owner, *prompts)
    batch_run.run_batches()
    return now(batch)


def test_waits_for_a_rate_limit_and_then_goes_on(intern: User, sandbox: Sandbox) -> None:
    change_policies(playground__rpm_limit=1)
    batch = batch_run_of(intern, "Hello", "Hello")

    assert sorted(states(batch)) == ["complete", "waiting"]
    assert batch.not_before
    assert batch.not_before > timezone.now()
    assert "minute" in batch.problem
    assert batch_run.run_batches() == 0, "it waits"
    sandbox.move_clock(61)
    run_again(batch)
    assert (now(batch).state, batch.setbacks, batch.problem) == ("done", 0, "")


def test_pauses_after_many_calls_without_an_answer(intern: User) -> None:
    batch = started(intern, *["Hello [fail 500]"] * 20)
    for _ in range(20):
        run_again(batch)

    assert now(batch).state == Batch.State.PAUSED
    assert "in a row" in batch.problem
    assert states(batch).count("failed") in (12, 13)
    assert problems_of(batch) == {"provider_down"}


def problems_of(batch: Batch) -> set[str]:
    return {call.problem["code"] for call in batch.calls.all() if call.problem}


def test_a_refused_prompt_fails_alone(intern: User) -> None:
    batch = batch_run_of(intern, "Hello [too-long]", "Hello")

    assert states(batch) == ["failed", "complete"]
    assert problems_of(batch) == {"context_too_long"}
    assert batches.retry_calls(batch, BatchCall.State.FAILED) == 1
    assert (now(batch).state, states(batch)) == ("stopped", ["waiting", "complete"])


def test_an_answer_that_is_lost_on_its_way_is_unknown(intern: User, sandbox: Sandbox) -> None:
    sandbox.faults(CHAT, "drop_after")
    batch = batch_run_of(intern, "Hello")

    assert (batch.state, states(batch)) == ("done", ["unknown"])
    run_again(batch)
    assert states(batch) == ["unknown"]


def test_a_call_that_never_arrived_is_made_again(intern: User, settings: Settings) -> None:
    batch_run_of(intern, "Hello")  # makes the key
    batch, at = started(intern, "Hello"), settings.GATEWAY_URL
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.GATEWAY_URL = f"http://127.0.0.1:{closed.getsockname()[1]}"
        batch_run.run_batches()

    assert (now(batch).state, states(batch), batch.setbacks) == ("running", ["waiting"], 1)
    settings.GATEWAY_URL = at
    run_again(batch)
    assert states(batch) == ["complete"]


def test_what_a_dead_process_made_is_unknown_and_is_made_again_on_request_only(intern: User) -> None:
    batch = started(intern, "Hello")
    lost = timezone.now() - LOST_AFTER - timedelta(seconds=1)
    batch.calls.update(state=BatchCall.State.CALLING, claim=uuid.uuid4(), seen_at=lost)
    assert batch_run.run_batches() == 0
    assert (now(batch).state, states(batch)) == ("done", ["unknown"])
    start(batch)
    assert batch_run.run_batches() == 0

    assert batches.retry_calls(batch, BatchCall.State.UNKNOWN) == 1
    start(now(batch))
    batch_run.run_batches()
    assert states(batch) == ["complete"]


def test_an_answer_that_comes_late_counts_unless_the_call_was_begun_anew(intern: User) -> None:
    batch = batch_run_of(intern, "Hello")
    answered, claim = call(batch), uuid.uuid4()
    for known, counts in ((claim, True), (uuid.uuid4(), False)):
        batch.calls.update(state=BatchCall.State.UNKNOWN, claim=claim)
        answered.claim = known
        batch_ends.record_answer(answered, answer("late"), took_s=1)
        assert (call(batch).text == "late") == counts
        batch.calls.update(text="")


def test_a_retried_call_that_may_have_been_billed_counts_towards_the_limit(intern: User) -> None:
    batch = drafted(intern, "Hello [words 2]")
    estimate = call(batch).estimate_usd
    assert estimate
    batch.calls.update(state=BatchCall.State.UNKNOWN)
    for limit, end in ((estimate, "paused"), (estimate * 3, "done")):
        Batch.objects.filter(pk=batch.pk).update(limit_usd=limit)
        batches.retry_calls(batch, BatchCall.State.UNKNOWN)
        start(now(batch))
        batch_run.run_batches()
        assert now(batch).state == end
    assert (batch.retried_usd, states(batch)) == (estimate, ["complete"])


def test_an_answer_that_ends_last_clears_neither_a_wait_nor_the_reason_of_a_pause(intern: User) -> None:
    batch, later = started(intern, "Hello"), timezone.now() + timedelta(minutes=1)
    for state, not_before, problem, left in (
        (Batch.State.PAUSED, None, "It pauses.", "It pauses."),
        (Batch.State.RUNNING, later, "It waits.", "It waits."),
        (Batch.State.RUNNING, timezone.now(), "It waited.", ""),
    ):
        for is_answered in (True, False):
            batch.calls.update(state=BatchCall.State.CALLING, claim=None)
            Batch.objects.filter(pk=batch.pk).update(state=state, setbacks=3, not_before=not_before, problem=problem)
            if is_answered:
                batch_ends.record_answer(call(batch), answer("Hi"), took_s=1)
            else:
                batch_ends.note_setback(batch, GatewayRejected("Too long", status=400), waits=False)
            assert now(batch).problem == left
            assert batch.not_before == (not_before if left else None)


def test_nothing_begins_after_a_stop_and_it_goes_on_later(intern: User) -> None:
    batch = started(intern, "Hello", "Hello")
    batches.stop_batch(batch)
    assert batch_run.run_batches() == 0
    assert (now(batch).state, states(batch)) == ("stopped", ["waiting", "waiting"])
    start(batch)
    start(batch)  # a second click
    assert waiting_tasks() == [("playground.run_batches", [])] * 2
    batch_run.run_batches()
    assert (now(batch).state, states(batch)) == ("done", ["complete", "complete"])


def test_a_run_leaves_the_rest_to_the_next_one_and_two_do_not_run_at_once(intern: User) -> None:
    batch = started(intern, *["Hello"] * 5)
    waiting_tasks()
    BatchRun.objects.update_or_create(
        pk=1, defaults={"lease_holder": "another", "lease_until": timezone.now() + timedelta(seconds=9)}
    )
    assert batch_run.run_batches() == 0
    BatchRun.objects.update(lease_until=timezone.now())

    assert batch_run.run_batches(slice_s=0) == 0
    assert states(batch) == ["waiting"] * 5
    tasks.run_batches()
    assert states(batch) == ["complete"] * 5


def test_nobody_waits_for_a_slow_call_of_another_person(intern: User, staff: User) -> None:
    slow, later, clock = started(intern, *["Hello"] * 3), drafted(staff, "Hello"), [0.0]
    run = batch_run.Run(batch_run.new_lease(), 20, clock=lambda: clock[0])
    run.begin(Unending())
    clock[0] = 21
    start(later)
    run.begin(Unending())
    assert (states(slow).count("calling"), states(later)) == (2, ["calling"])

    ended = batch_run.Run(batch_run.new_lease(), 20, clock=lambda: clock[0])
    clock[0] = 42
    batches.stop_batch(slow)
    BatchCall.objects.update(state=BatchCall.State.WAITING)
    ended.begin(Unending())
    assert states(later) == ["waiting"], "nothing is waited for"


def test_few_calls_at_once_and_fewer_of_one_person(
    intern: User, staff: User, sandbox: Sandbox, settings: Settings
) -> None:
    ours, theirs = started(intern, *["Hello"] * 9), started(staff, *["Hello"] * 9)
    lease = batch_run.new_lease()
    settings.PLAYGROUND_BATCH_CALLS_PER_USER = 2
    for calls, begun in ((9, [2, 2]), (3, [2, 1])):
        settings.PLAYGROUND_BATCH_CALLS = calls
        BatchCall.objects.update(state=BatchCall.State.WAITING)
        batch_run.Run(lease, 20).begin(Unending())
        assert [states(batch).count("calling") for batch in (ours, theirs)] == begun


def test_a_course_pays_and_a_frozen_one_pauses_the_batch(intern: User, sandbox: Sandbox) -> None:
    course = make_course(make_staff("teacher"), team__playground_budget_usd=Decimal("0.5"), team__model_names=[MODEL])
    enrol(course, intern)
    batch = started(intern, "Hello", paid_by=course)
    batch_run.run_batches()
    assert states(batch) == ["complete"]
    assert Key.objects.get().team == course.team

    User.objects.filter(pk=intern.pk).update(language="fr")
    again = started(intern, "Hello", paid_by=course)
    Course.objects.filter(pk=course.pk).update(state=Course.State.FROZEN)
    batch_run.run_batches()
    assert (now(again).state, states(again)) == ("paused", ["waiting"])
    assert "en pause" in again.problem, "in the language of its owner"


def test_a_model_that_is_not_allowed_any_more_is_not_called(intern: User) -> None:
    batch = drafted(intern, "Hello", models=[MODEL, OTHER])
    change_policies(playground__all_models=False, playground__model_names=[MODEL])
    with pytest.raises(AskRefused, match=OTHER):
        start(batch)


def test_takes_storage_and_goes_after_its_retention(intern: User, settings: Settings) -> None:
    batch = batch_run_of(intern, "Hello")
    size = batch.stored_bytes
    assert size > len("Hello") + len(call(batch).text)
    settings.PLAYGROUND_STORED_MB_PER_USER = 0
    with pytest.raises(AskRefused, match="Nothing was sent or stored"):
        drafted(intern, "Hello")

    Batch.objects.update(used_at=timezone.now() - timedelta(days=settings.PLAYGROUND_RETENTION_DAYS, minutes=1))
    assert prune.prune_batches() == 1
    assert not BatchCall.objects.exists()


def test_its_parameters_are_kept_with_it_and_deleted_with_it(intern: User) -> None:
    batch = drafted(intern, "Hello", params={"temperature": 0.5})
    prune.prune_parameters()
    assert now(batch).params == {"temperature": 0.5}
    assert batches.delete_batch(batch)
    prune.prune_parameters()
    assert not ParameterSet.objects.exists()
