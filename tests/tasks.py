"""The work of a worker: runs the queued tasks here and now."""

from contextlib import suppress
from queue import Empty
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import connection


def commit() -> None:
    """Do what waits for a commit, which does not come in a test."""
    waiting: list[Any] = list(connection.run_on_commit)
    connection.run_on_commit.clear()
    for _savepoints, callback, _robust in waiting:
        callback()


def waiting_tasks(*queues: str) -> list[tuple[str, list[Any]]]:
    """Take the tasks out of these queues (by default: Celery's own); return name and arguments of each, in order.

    It never blocks: Redis would keep the connection's end waiting for a second.
    """
    commit()
    found: list[tuple[str, list[Any]]] = []
    with current_app.connection_for_read() as broker:
        for name in queues or (current_app.conf.task_default_queue,):
            with broker.SimpleQueue(name) as queue, suppress(Empty):
                while message := queue.get(block=False):
                    message.ack()
                    found.append((message.headers["task"], message.payload[0]))
    return found


def sent_tasks() -> list[tuple[str, list[Any]]]:
    """Take the tasks out of all queues; return name and arguments of each."""
    return waiting_tasks(*(each.name for each in settings.CELERY_TASK_QUEUES))


def run_tasks() -> list[tuple[str, list[Any]]]:
    """Run what waits; return it."""
    current_app.loader.import_default_modules()
    tasks = waiting_tasks(current_app.conf.task_default_queue, "webhooks")
    for name, arguments in tasks:
        current_app.tasks[name].apply(tuple(arguments), throw=True)
    return tasks
