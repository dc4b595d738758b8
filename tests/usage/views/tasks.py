"""Tasks sent to the workers: there are none in tests, so tasks stay in their queue."""

from contextlib import suppress
from queue import Empty
from typing import Any

from celery import current_app
from django.conf import settings


def sent_tasks() -> list[tuple[str, list[Any]]]:
    """Take what is in the queues out of them: (name, arguments) of each task."""
    found: list[tuple[str, list[Any]]] = []
    with current_app.connection_for_write() as broker:
        for each in settings.CELERY_TASK_QUEUES:
            with broker.SimpleQueue(each.name) as queue, suppress(Empty):
                while message := queue.get(block=False):
                    message.ack()
                    found.append((message.headers["task"], list(message.payload[0])))
    return found
