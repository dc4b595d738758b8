"""Facts that are read when somebody asks: from the database, the broker and the health checks; few queries, bounded.

They are kept for some seconds, so that several scrapers cost as much as one. What cannot be read is left out.
"""

import platform
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Final, Generic, TypeVar

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from keys.heartbeat import last_alive, queues_served
from keys.models import GatewayState, Heartbeat, Key
from portal.queues import waiting_tasks
from usage.models import PollRun, UsageState
from web import health
from web.patience import answers_within

ANSWER_S: Final = 2.0  # for each query
KEPT_S: Final = 5.0
KEYS_KEPT_S: Final = 60.0  # counting a million keys takes some 0.1 s
T = TypeVar("T")


class _Kept(Generic[T]):
    """A result that is kept for some seconds."""

    def __init__(self, read: Callable[[], T], seconds: float) -> None:
        self._read, self._seconds = read, seconds
        self._result: T | None = None
        self._read_at = 0.0

    def __call__(self) -> T:
        """Return it, read now or a moment ago."""
        if self._result is None or time.monotonic() - self._read_at > self._seconds:
            self._result = self._read()
            self._read_at = time.monotonic()
        return self._result


class Facts(Collector):
    """Yields the facts as metrics."""

    def __init__(self) -> None:
        self._readers = (
            _Kept(_parts, KEPT_S),
            _Kept(_processes, KEPT_S),
            _Kept(_polls, KEPT_S),
            _Kept(_keys, KEYS_KEPT_S),
            _Kept(_queues, KEPT_S),
        )

    def collect(self) -> Iterable[Metric]:
        """Read what can be read."""
        yield _versions()
        for read in self._readers:
            try:
                with answers_within(ANSWER_S):
                    yield from read()
            except DatabaseError:
                continue


def gauge(name: str, text: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    """Return a metric with a value for each combination of labels."""
    metric = GaugeMetricFamily(f"passerelle_{name}", text, labels=labels)
    for given, value in values:
        metric.add_metric(given, value)
    return metric


def _versions() -> Metric:
    found = {"passerelle": settings.VERSION, "python": platform.python_version(), "django": version("django")}
    values = [(component, 1.0) for component in found.items()]
    return gauge("build_info", "The versions that run.", ("component", "version"), values)


def _parts() -> list[Metric]:
    """Return the parts of /healthz/ready; while the database is away those that need it are not known, and left out."""
    parts = health.report()
    is_up = any(part.name == "database" and part.is_up for part in parts)
    values = {(part.name, part.state): float(part.is_up) for part in parts if is_up or part.state != "unknown"}
    return [
        gauge("part_up", "Whether a part of /healthz/ready is up, with its state.", ("part", "state"), values.items())
    ]


def _processes() -> list[Metric]:
    seen = {(kind,): at.timestamp() for kind in Heartbeat.Kind.values if (at := last_alive(Heartbeat.Kind(kind)))}
    workers = {(queue,): float(number) for queue, number in (queues_served() or {}).items()}
    return [
        gauge("last_seen_timestamp_seconds", "When a worker or beat was last alive.", ("program",), seen.items()),
        gauge("queue_workers", "Workers that take the tasks of a queue.", ("queue",), workers.items()),
    ]


def _polls() -> list[Metric]:
    ok_at = UsageState.load().last_ok_at
    last = PollRun.objects.filter(outcome=PollRun.Outcome.DONE).order_by("-started_at", "-id").first()
    rows = {("read",): float(last.rows_read), ("written",): float(last.rows_written)} if last else {}
    seconds = [((), last.seconds)] if last else []
    fresh = [((), ok_at.timestamp())] if ok_at else []
    litellm = [((name,), 1.0) for name in GatewayState.objects.values_list("version", flat=True) if name]
    return [
        gauge("last_poll_timestamp_seconds", "When today’s usage was last read.", (), fresh),
        gauge("last_poll_rows", "Rows of the last poll that succeeded.", ("action",), rows.items()),
        gauge("last_poll_duration_seconds", "Duration of the last poll that succeeded.", (), seconds),
        gauge("gateway_info", "The version of LiteLLM.", ("version",), litellm),
    ]


def _keys() -> list[Metric]:
    counts = dict(Key.objects.order_by().values_list("state").annotate(number=Count("pk")))
    values = {(state,): float(counts.get(state, 0)) for state in Key.State.values}
    return [gauge("keys", "Keys, by state.", ("state",), values.items())]


def _queues() -> list[Metric]:
    waiting = waiting_tasks() or {}
    numbers = {(name,): float(each.number) for name, each in waiting.items()}
    ages = {(name,): each.oldest_s for name, each in waiting.items()}
    return [
        gauge("queue_length", "Tasks that wait.", ("queue",), numbers.items()),
        gauge("queue_age_seconds", "How long the oldest task has waited.", ("queue",), ages.items()),
    ]
