"""What was sent to the workers: there is none in tests, so that tasks stay in their queue."""

from queue import Empty
from typing import Any

from celery import current_app

QUEUE = "celery"


def sent_tasks() -> list[tuple[str, list[Any]]]:
    """Take what is in the queue out of it: (name, arguments) of each task."""
    found: list[tuple[str, list[Any]]] = []
    with current_app.connection_for_write() as broker, broker.SimpleQueue(QUEUE) as queue:
        while True:
            try:
                message = queue.get(block=False)
            except Empty:
                return found
            message.ack()
            found.append((message.headers["task"], list(message.payload[0])))
