"""Work on conversations outside a request: retention, and cleanup of lost answers."""

import logging
import time
from uuid import UUID

from celery import shared_task

from playground.services import batch_run
from playground.services import prune as services
from playground.services.batches import RUN
from playground.services.counts import prune_counts
from playground.services.sharing import prune_shares
from playground.services.titling import make_title as title_conversation
from web.tasks import ask_worker

logger = logging.getLogger(__name__)


@shared_task(name="playground.prune", soft_time_limit=600, acks_late=True, ignore_result=True)  # s
def prune() -> None:
    """Delete old conversations and calls, and data without references."""
    started = time.monotonic()
    conversations, calls = services.prune_conversations(), services.prune_calls()
    batches = services.prune_batches()
    prune_counts()
    prune_shares()
    parameters, files = services.prune_parameters(), services.prune_image_files()
    took_s = time.monotonic() - started
    text = "playground.prune: %d conversations, %d batches, %d calls, %d sets of parameters, %d files in %.1f s"
    logger.info(text, conversations, batches, calls, parameters, files, took_s)


@shared_task(name="playground.settle", soft_time_limit=50, acks_late=True, ignore_result=True)  # s
def settle() -> None:
    """End answers and calls whose process has died."""
    started = time.monotonic()
    answers, calls = services.settle_answers(), services.settle_calls()
    took_s = time.monotonic() - started
    logger.info("playground.settle: %d answers, %d calls in %.1f s", answers, calls, took_s)


@shared_task(name=RUN, soft_time_limit=600, ignore_result=True)  # s; never begun anew by the broker
def run_batches() -> None:
    """Make calls of batches for some seconds; the next message, or the schedule, goes on."""
    started = time.monotonic()
    made = batch_run.run_batches()
    if made and batch_run.is_due():
        ask_worker(RUN)
    logger.info("playground.run_batches: %d calls in %.1f s", made, time.monotonic() - started)


@shared_task(name="playground.make_title", soft_time_limit=50, ignore_result=True)  # s
def make_title(answer_id: str) -> None:
    """Give the conversation of its first answer a title by a model."""
    started = time.monotonic()
    is_titled = title_conversation(UUID(answer_id))
    logger.info("playground.make_title: %d titles in %.1f s", is_titled, time.monotonic() - started)
