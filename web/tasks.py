"""Hands tasks from a page to the worker: at once, or not at all."""

import logging
from collections.abc import Sequence
from typing import Final

from celery import current_app
from django.conf import settings
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from web.cache import redis_watch
from web.outage import Outage, log_outage, outage_behind

logger = logging.getLogger(__name__)

SCHEDULED_S: Final = 240  # by then the schedule has run it


class QueueUnavailable(Exception):
    """The queue of tasks accepts none now. Nothing was sent."""


def send_task(name: str, args: Sequence[object] = (), *, expires: int) -> None:
    """Send a task to the worker, which drops it after `expires` seconds; or raise QueueUnavailable."""
    if settings.REDIS_URL and redis_watch.is_away:
        raise QueueUnavailable
    try:
        current_app.send_task(name, args, expires=expires)
    except (KombuError, RedisError) as error:
        if outage_behind(error) is Outage.DISK:
            raise
        log_outage(Outage.QUEUE, error)
        if settings.REDIS_URL:
            redis_watch.report_away()
        raise QueueUnavailable from error


def ask_worker(task: str) -> None:
    """Start a task that the schedule runs anyway; if the queue is unavailable, the schedule runs it."""
    try:
        send_task(task, expires=SCHEDULED_S)
    except QueueUnavailable:
        return
