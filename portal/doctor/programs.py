"""Worker and beat: do they answer, and have they done their work lately?"""

from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.utils.module_loading import import_string
from kombu.exceptions import KombuError

from portal.celery import app
from portal.doctor.report import Result, in_one_line, ok, problem, warning
from portal.doctor.words import command

PING_S: Final = 3.0  # a worker answers at once, unless its machine is overloaded
WORDS: Final = {  # of /healthz/ready: what is wrong, what to do
    ("worker", "late"): ("No task has ended for three minutes.", "Start worker and beat, and look at their logs."),
    ("sweep", "late"): ("The sweep of keys has not ended well for a quarter of an hour.", "Look at the worker's log."),
    ("poll", "late"): ("The usage has not been read for a quarter of an hour.", "Look at the worker's log."),
    ("poll", "failing"): ("The usage cannot be read.", "Usage › Everyone › Data updates says why."),
    ("admin_key", "refused"): ("The gateway refused our admin key at its last use.", "Correct GATEWAY_ADMIN_KEY."),
    ("identity", "changed"): (
        "The gateway is not the one that the portal knows.",
        "Correct GATEWAY_URL; if the change is meant, run: {accept}",
    ),
}


def worker_and_beat_are_seen() -> Iterator[Result]:
    """Ping the workers, look at their queues, and at what they have done lately."""
    try:
        queues = app.control.inspect(timeout=PING_S).active_queues() or {}
    except (KombuError, OSError) as error:
        yield problem(f"The queue does not answer: {in_one_line(error)}", "See the lines about Redis.")
        return
    taken = {queue["name"] for each in queues.values() for queue in each}
    left = sorted({queue.name for queue in settings.CELERY_TASK_QUEUES} - taken)
    if not queues:
        yield problem("No worker answers.", f"Start one: {command('worker')} (or the unit passerelle-worker)")
    elif left:
        advice = "Start a worker for them: the option -Q names its queues, and without it a worker takes all."
        yield problem(f"No worker takes the queues {', '.join(left)}.", advice)
    else:
        yield ok(f"{_counted(len(queues))} and every queue is taken.")
    yield from _work(is_answered=bool(queues))


def _counted(workers: int) -> str:
    return "A worker answers" if workers == 1 else f"{workers} workers answer"


def _work(*, is_answered: bool) -> Iterator[Result]:
    """Say what `/healthz/ready` says about the work of worker and beat."""
    for name, path in settings.HEALTH_PARTS.items():
        state = import_string(path)()
        if (name, state) in WORDS:
            text, advice = WORDS[name, state]
            if is_answered and (name, state) == ("worker", "late"):
                text, advice = "A worker answers, but no task came for three minutes.", "Start beat, exactly one."
            yield problem(text, advice.format(accept=command("accept_gateway")))
        elif state == "unknown" and name == "worker":
            yield warning("No task has ever ended.", "After the first start wait for two minutes; else see beat's log.")
        elif state == "up" and name == "worker":
            yield ok("Beat sends tasks, and they end.")
