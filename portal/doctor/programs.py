"""Worker and beat: do they answer, are they alive, and does their work succeed?"""

from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.utils.module_loading import import_string
from kombu.exceptions import KombuError

from portal.celery import app
from portal.doctor.report import Result, in_one_line, ok, problem, warning
from web.commands import command
from web.health_words import part

PING_S: Final = 3.0  # a worker answers at once, unless its machine is overloaded
EXPECTED: Final = ("worker", "beat")  # parts that are known soon after the first start; the others take their time


def worker_and_beat_are_seen() -> Iterator[Result]:
    """Ping the workers, then say what `/healthz/ready` says of their work."""
    yield _workers()
    for name, path in settings.HEALTH_PARTS.items():
        found = part(name, import_string(path)())
        if found.is_up:
            yield ok(f"{found.title}: up.")
        elif found.state != "unknown":
            yield problem(f"{found.title}: {found.problem}", str(found.advice))
        elif name in EXPECTED:
            yield warning(f"{found.title}: {found.problem}", str(found.advice))


def _workers() -> Result:
    """Ping them through the queue: a worker can be alive and not hear anything."""
    try:
        queues = app.control.inspect(timeout=PING_S).active_queues() or {}
    except (KombuError, OSError) as error:
        return problem(f"The queue does not answer: {in_one_line(error)}", "See the lines about Redis.")
    taken = {queue["name"] for each in queues.values() for queue in each}
    left = sorted({queue.name for queue in settings.CELERY_TASK_QUEUES} - taken)
    if not queues:
        return problem("No worker answers.", f"Start one: {command('worker')} (or the unit passerelle-worker)")
    if left:
        advice = "Start a worker for them: the option -Q names its queues, and without it a worker takes all."
        return problem(f"No worker takes the queues {', '.join(left)}.", advice)
    workers = "A worker answers" if len(queues) == 1 else f"{len(queues)} workers answer"
    return ok(f"{workers}, and every queue is taken.")
