"""Cleanup: old conversations, lost answers, abandoned calls."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from playground import tasks
from playground.errors.classify import INTERRUPTED, AnswerError
from playground.models import ABANDONED_AFTER, STALE_AFTER, ActiveCall, Answer, Attachment, Conversation
from playground.services import prune
from tests.factories import make_user
from tests.playground import rows

pytestmark = pytest.mark.django_db

KEPT = timedelta(days=settings.PLAYGROUND_RETENTION_DAYS)
UNKEPT = timedelta(hours=settings.PLAYGROUND_TEMPORARY_HOURS)
A_MOMENT = timedelta(minutes=1)


@pytest.fixture
def owner() -> User:
    return make_user()


def used(owner: User, ago: timedelta, **fields: Any) -> Conversation:
    return rows.conversation(owner, ("a", "1"), used_at=timezone.now() - ago, **fields)


# --- Conversations ----------------------------------------------------------------------------------
def test_deletes_conversations_after_the_retention(owner: User) -> None:
    old, young = used(owner, KEPT + A_MOMENT), used(owner, KEPT - A_MOMENT)
    rows.image(rows.last_answer(old).message)

    assert prune.prune_conversations() == 1
    assert list(Conversation.objects.all()) == [young]
    assert not Attachment.objects.exists()


def test_deletes_temporary_conversations_sooner(owner: User) -> None:
    used(owner, UNKEPT + A_MOMENT, kept=False)
    stays = [used(owner, UNKEPT - A_MOMENT, kept=False), used(owner, UNKEPT + A_MOMENT)]

    assert prune.prune_conversations() == 1
    assert set(Conversation.objects.all()) == set(stays)


def test_keeps_a_conversation_with_a_running_answer(owner: User) -> None:
    rows.answer(rows.message(used(owner, UNKEPT + A_MOMENT, kept=False)), state=Answer.State.STREAMING)

    assert prune.prune_conversations() == 0


def test_deletes_in_batches_until_all_are_gone(owner: User) -> None:
    for _ in range(prune.BATCH + 1):
        Conversation.objects.create(owner=owner, title="x", used_at=timezone.now() - 2 * KEPT)

    assert prune.prune_conversations() == prune.BATCH + 1
    assert prune.prune_conversations() == 0


def test_deletes_a_conversation_of_a_thousand_turns(owner: User) -> None:
    rows.conversation(owner, *[("a", "1")] * 1000, used_at=timezone.now() - 2 * KEPT)

    assert prune.prune_conversations() == 1


# --- Slots ------------------------------------------------------------------------------------------
def test_deletes_calls_after_a_day(owner: User) -> None:
    rows.call(owner, renewed=timedelta(days=1) + A_MOMENT, ended=True)
    stays = rows.call(owner, renewed=timedelta(days=1) - A_MOMENT, ended=True)

    assert prune.prune_calls() == 1
    assert list(ActiveCall.objects.all()) == [stays]


def test_ends_calls_without_a_heartbeat(owner: User) -> None:
    lost, alive = rows.call(owner, renewed=STALE_AFTER + A_MOMENT), rows.call(owner)

    assert prune.settle_calls() == 1
    assert prune.settle_calls() == 0
    lost.refresh_from_db()
    alive.refresh_from_db()
    assert (lost.ended_at, alive.ended_at) == (lost.renewed_at, None)


# --- Answers ----------------------------------------------------------------------------------------
def under_way(owner: User, state: str, *, silent: timedelta, text: str = "") -> Answer:
    answer = rows.answer(rows.message(rows.conversation(owner)), text, state=state)
    rows.aged(answer.id, timezone.now() - silent)
    return answer


def answer_of(earlier: Answer) -> Answer:
    """Return the row as it is now."""
    return Answer.objects.get(pk=earlier.pk)


def test_says_that_an_answer_was_interrupted_and_keeps_what_had_come(owner: User) -> None:
    answer = under_way(owner, Answer.State.STREAMING, silent=STALE_AFTER + A_MOMENT, text="Half a")

    assert prune.settle_answers() == 1

    answer = answer_of(answer)
    assert (answer.state, answer.text) == (Answer.State.FAILED, "Half a")
    assert answer.problem is not None
    assert AnswerError.from_json(answer.problem) == INTERRUPTED
    assert answer.ended_at == answer.saved_at


def test_stops_columns_that_never_started(owner: User) -> None:
    answer = under_way(owner, Answer.State.WAITING, silent=ABANDONED_AFTER + A_MOMENT)

    assert not answer_of(answer).is_under_way
    assert prune.settle_answers() == 1

    answer = answer_of(answer)
    assert (answer.state, answer.problem) == (Answer.State.STOPPED, None)


def test_a_queued_column_may_wait_longer_than_the_idle_timeout(owner: User) -> None:
    answer = under_way(owner, Answer.State.WAITING, silent=ABANDONED_AFTER - A_MOMENT)

    assert answer_of(answer).is_under_way
    assert prune.settle_answers() == 0


@pytest.mark.parametrize("state", Answer.UNDER_WAY)
def test_keeps_calls_with_a_recent_heartbeat(owner: User, state: str) -> None:
    under_way(owner, state, silent=STALE_AFTER - timedelta(seconds=10))

    assert prune.settle_answers() == 0


def test_finishes_an_answer_once(owner: User) -> None:
    under_way(owner, Answer.State.STREAMING, silent=STALE_AFTER + A_MOMENT)
    under_way(owner, Answer.State.COMPLETE, silent=STALE_AFTER + A_MOMENT)

    assert prune.settle_answers() == 1
    assert prune.settle_answers() == 0
    assert Answer.objects.filter(state=Answer.State.COMPLETE).count() == 1


# --- Tasks ------------------------------------------------------------------------------------------
def test_each_task_writes_one_line(owner: User, caplog: pytest.LogCaptureFixture) -> None:
    used(owner, KEPT + A_MOMENT)
    under_way(owner, Answer.State.STREAMING, silent=STALE_AFTER + A_MOMENT)
    caplog.set_level(logging.INFO, logger="playground")

    tasks.settle()
    tasks.prune()

    assert [record.getMessage().rpartition(" in ")[0] for record in caplog.records] == [
        "playground.settle: 1 answers, 0 calls",
        "playground.prune: 1 conversations, 0 batches, 0 calls, 0 sets of parameters, 0 files",
    ]


def test_the_schedule_names_both_tasks() -> None:
    scheduled: dict[str, Any] = {
        str(entry["task"]): entry["schedule"] for entry in settings.CELERY_BEAT_SCHEDULE.values()
    }

    assert scheduled["playground.settle"] == 60.0
    assert scheduled["playground.prune"].minute == {50}
    assert scheduled["playground.prune"].hour == set(range(24))
