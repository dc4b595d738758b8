"""The work of a worker: runs the queued tasks here and now."""

from typing import Any

from celery import current_app
from django.db import connection


def commit() -> None:
    """Do what waits for a commit, which does not come in a test."""
    waiting: list[Any] = list(connection.run_on_commit)
    connection.run_on_commit.clear()
    for _savepoints, callback, _robust in waiting:
        callback()


def waiting_tasks() -> list[tuple[str, list[Any]]]:
    """Take the tasks out of the broker; return name and arguments of each, in order."""
    commit()
    found: list[tuple[str, list[Any]]] = []
    with current_app.connection_for_read() as broker, broker.SimpleQueue(current_app.conf.task_default_queue) as queue:
        while True:
            try:
                message = queue.get(timeout=0.01)
            except queue.Empty:
                return found
            message.ack()
            found.append((message.headers["task"], message.payload[0]))


def run_tasks() -> list[tuple[str, list[Any]]]:
    """Run what waits; return it."""
    current_app.loader.import_default_modules()
    tasks = waiting_tasks()
    for name, arguments in tasks:
        current_app.tasks[name].apply(tuple(arguments), throw=True)
    return tasks
