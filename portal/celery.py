"""The Celery app; its settings are the `CELERY_…` names of portal/settings.py."""

import gc
import logging
import os
import socket
import sys
import time
from contextlib import ExitStack
from types import ModuleType
from typing import Any, Final

from celery import Celery
from celery.loaders.app import AppLoader
from celery.signals import (
    beat_init,
    before_task_publish,
    celeryd_init,
    import_modules,
    setup_logging,
    task_failure,
    task_postrun,
    task_prerun,
    task_success,
    worker_before_create_process,
    worker_ready,
)

from gateway import log_context, tracing
from portal.start import count_in_files, load_settings, refuse_what_is_wrong, start_metrics_server

SENT_AT: Final = "sent_at"  # a header of each message: POSIX time
BEGAN_AT: Final = "began_at"  # of a running task: monotonic

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # it runs all of Django's checks, and discards the results


@import_modules.connect
def count_from_the_start(**kwargs: Any) -> None:
    """Share the counts with other programs. It is connected before the app, which then loads the rest."""
    load_settings()
    count_in_files()


class PathLoader(AppLoader):
    """Imports from `sys.path` alone: Celery's own loader looks into the working directory first."""

    def import_from_cwd(self, module: str, imp: Any = None, package: str | None = None) -> ModuleType:
        """Import a module."""
        found: ModuleType = (imp or self.import_module)(module, package=package)
        return found


path_before = list(sys.path)
app = Celery("portal", loader="portal.celery:PathLoader")
sys.path[:] = path_before  # Celery's support of Django puts the working directory first
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_configure.connect
def name_what_is_missing(**kwargs: Any) -> None:
    """Exit with one line, not with a traceback, when a setting is missing."""
    load_settings()


@celeryd_init.connect
@beat_init.connect
def look_at_the_settings(**kwargs: Any) -> None:
    """Refuse to start the worker, or beat, with dangerous settings."""
    refuse_what_is_wrong(database=True)


@celeryd_init.connect
def serve_the_metrics(**kwargs: Any) -> None:
    """Serve them from a worker, too: it may be alone on its machine."""
    start_metrics_server()


@worker_ready.connect
def start_the_workers_heartbeat(sender: Any, **kwargs: Any) -> None:
    """Record from now on that this worker is alive, and whose tasks it takes; the signal comes again with Redis."""
    from keys.models import Heartbeat
    from keys.processes import start_heartbeat  # needs the settings

    start_heartbeat(Heartbeat.Kind.WORKER, sender.hostname, queues=list(app.amqp.queues.consume_from))


@beat_init.connect
def start_the_heartbeat_of_beat(sender: Any, **kwargs: Any) -> None:
    """Record from now on that beat looks at its schedule."""
    from keys.models import Heartbeat
    from keys.processes import start_heartbeat  # needs the settings

    start_heartbeat(Heartbeat.Kind.BEAT, socket.gethostname(), is_alive=sender.scheduler.is_ticking)


@worker_before_create_process.connect
def share_memory(**kwargs: Any) -> None:
    """Leave what is loaded out of the child processes' garbage collections: these would copy all of it (ADR 60)."""
    gc.collect()
    gc.freeze()


@setup_logging.connect
def keep_the_log_as_it_is(**kwargs: Any) -> None:
    """Leave logging to LOGGING in the settings: Celery configures it by its own options if no handler is connected."""


@before_task_publish.connect
def send_headers(headers: dict[str, Any], **kwargs: Any) -> None:
    """Give a task the id of the request, or of the task, that sends it, and the time (portal/queues.py)."""
    headers[SENT_AT] = time.time()
    if request_id := log_context.request_id():
        headers["request_id"] = request_id
    if traceparent := tracing.traceparent():
        headers["traceparent"] = traceparent


@task_prerun.connect
def begin_log_context(sender: Any, task_id: str, **kwargs: Any) -> None:
    """Give the lines of a task its id and that of the request that sent it; a scheduled one has its own alone."""
    request_id = log_context.valid_request_id(sender.request.get("request_id")) or task_id
    log_context.begin(request_id=request_id, task=sender.name, task_id=task_id)
    setattr(sender.request, BEGAN_AT, time.monotonic())
    sender.request.span = ExitStack()
    parent = str(sender.request.get("traceparent") or "")
    sender.request.span.enter_context(tracing.span(sender.name, parent=parent, request_id=request_id, task_id=task_id))


@task_postrun.connect
def end_log_context(sender: Any, **kwargs: Any) -> None:
    """Keep the ids of a task out of what its thread logs next."""
    sender.request.span.close()
    log_context.begin()


@task_success.connect
def note_success(sender: Any, **kwargs: Any) -> None:
    """Record that the worker runs, and that this task succeeded."""
    _note(sender, ok=True)


@task_failure.connect
def note_failure(sender: Any, exception: BaseException, **kwargs: Any) -> None:
    """Record that the worker runs, and that this task failed, by the type of its exception."""
    _note(sender, ok=False)
    sender.request.span.__exit__(type(exception), exception, exception.__traceback__)


def _note(task: Any, *, ok: bool) -> None:
    from django.db import DatabaseError

    from keys.heartbeat import note_run
    from web.metrics import TASK_SECONDS, TASKS  # need the settings

    TASKS.labels(task.name, "ok" if ok else "failed").inc()
    TASK_SECONDS.labels(task.name).observe(time.monotonic() - getattr(task.request, BEGAN_AT, time.monotonic()))

    try:
        note_run(task.name, ok=ok)
    except DatabaseError as error:
        logging.getLogger(__name__).warning("%s: its end was not noted, %s", task.name, type(error).__name__)
