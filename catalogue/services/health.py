"""Measures how well each model works, from what is stored already: no call is made for it (ADR 38).

The last hour is that of the Playground's answers, which say why they failed, and of the growth of the polled facts,
which do not: a failure there may be the caller's mistake, and is not counted where the Playground knows that it is.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Sum
from django.utils import timezone

from catalogue.models import DAYS, ModelHealth
from keys.models import GatewayModel
from playground.models import AnswerCount
from usage.models import DayModel, ModelGrowth, utc_today
from web.intervals import interval_of

State = ModelHealth.State

HOUR: Final = timedelta(hours=1)
USUAL_DAYS: Final = 7  # before today: what "slow" is compared with
MODEL_FAILURES: Final = frozenset(  # codes of playground.errors.classify that are not the caller's doing
    ("provider_rate_limited", "provider_down", "timeout", "silent", "broke_off", "refused", "empty")
)
LEAST_FAILED: Final = 3  # in an hour; fewer may be chance
SLOW_FACTOR: Final = 3  # times as long as usual
LEAST_SLOW_FIRST_TOKEN_MS: Final = 3_000
LEAST_SLOW_RESPONSE_MS: Final = 10_000
FIELDS: Final = ("state", "ok", "failed", "is_explained", "first_token_ms", "response_ms", "last_day", "days")


@dataclass(slots=True)
class Calls:
    """The calls of a model in some time, by where they were seen."""

    answers: int = 0  # of the Playground, without those that failed by the caller's doing
    failed_answers: int = 0
    callers_failures: int = 0  # of the Playground; the polls see them too, later
    timed: int = 0
    first_token_ms: int = 0  # summed over these
    requests: int = 0  # of the polled facts, that succeeded
    failed_requests: int = 0
    response_ms: int = 0  # summed over the successful ones

    @property
    def ok(self) -> int:
        """Those that succeeded: the polls see the Playground's too, later."""
        return max(self.answers, self.requests)

    @property
    def failed(self) -> int:
        """Those that failed, without those of which the Playground knows that they were the caller's doing."""
        return max(self.failed_answers, self.failed_requests - self.callers_failures)

    @property
    def mean_first_token_ms(self) -> int | None:
        """The mean time to the first token."""
        return round(self.first_token_ms / self.timed) if self.timed else None

    @property
    def mean_response_ms(self) -> int | None:
        """The mean time of a whole answer."""
        return round(self.response_ms / self.requests) if self.requests else None


def state_of(hour: Calls, usual: Calls) -> State:
    """Return how a model works, by its calls of the last hour and of the days before."""
    if not (hour.ok or hour.failed):
        return State.UNKNOWN
    if _is_failing(hour):
        return State.FAILING
    if not hour.ok:
        return State.UNKNOWN
    is_slow = _is_slow(hour.mean_first_token_ms, usual.mean_first_token_ms, LEAST_SLOW_FIRST_TOKEN_MS) or _is_slow(
        hour.mean_response_ms, usual.mean_response_ms, LEAST_SLOW_RESPONSE_MS
    )
    return State.SLOW if is_slow else State.UP


def _is_failing(hour: Calls) -> bool:
    """Tell whether more answers of the Playground failed than calls succeeded, or without any there all requests."""
    if hour.failed_answers or hour.answers:
        return hour.failed_answers >= LEAST_FAILED and hour.failed_answers > hour.ok
    return hour.failed >= LEAST_FAILED and not hour.requests


def _is_slow(mean_ms: int | None, usual_ms: int | None, least_ms: int) -> bool:
    """Compare with what is usual; a model that nobody has called before is not slow."""
    if mean_ms is None or usual_ms is None:
        return False
    return mean_ms >= max(least_ms, SLOW_FACTOR * usual_ms)


def measure_health() -> int:
    """Measure all models of the gateway's list; return how many rows changed. Idempotent."""
    now, today = timezone.now(), utc_today()
    hour, usual = _calls_of_hour(now), _usual_calls(now, today)
    days = _days(today)
    models = dict(GatewayModel.objects.values_list("pk", "name"))
    return _keep({pk: _measured(pk, hour[name], usual[name], days.get(name, {}), today) for pk, name in models.items()})


def _measured(model: int, hour: Calls, usual: Calls, days: dict[date, tuple[int, int]], today: date) -> ModelHealth:
    wanted = [today - timedelta(days=number) for number in reversed(range(DAYS))]
    return ModelHealth(
        model_id=model,
        state=state_of(hour, usual),
        ok=hour.ok,
        failed=hour.failed,
        is_explained=hour.failed_answers > 0,
        first_token_ms=hour.mean_first_token_ms,
        response_ms=hour.mean_response_ms,
        last_day=today,
        days=[list(days.get(day, (0, 0))) for day in wanted],
    )


def _keep(measured: dict[int, ModelHealth]) -> int:
    """Write what differs; return how many rows. A model that was deleted meanwhile makes the next run repeat it."""
    known = {row.model_id: row for row in ModelHealth.objects.all()}
    changed = [row for pk, row in measured.items() if pk not in known or _values(row) != _values(known[pk])]
    ModelHealth.objects.bulk_create(changed, update_conflicts=True, unique_fields=["model"], update_fields=list(FIELDS))
    return len(changed)


def _values(row: ModelHealth) -> list[Any]:
    return [getattr(row, name) for name in FIELDS]


def _calls_of_hour(now: datetime) -> defaultdict[str, Calls]:
    """Return the calls of the last hour, by name of the model."""
    calls: defaultdict[str, Calls] = defaultdict(Calls)
    since = interval_of(now - HOUR)
    _add_answers(calls, AnswerCount.objects.filter(at__gt=since).values_list(*ANSWER_SUMS))
    growth = ModelGrowth.objects.filter(at__gt=since).values_list(
        "model__name", "ok_requests", "failed_requests", "response_ms"
    )
    _add_requests(calls, growth)
    return calls


ANSWER_SUMS: Final = ("model", "outcome", "answers", "timed", "first_token_ms")


def _usual_calls(now: datetime, today: date) -> defaultdict[str, Calls]:
    """Return the calls of the days before, by name of the model."""
    calls: defaultdict[str, Calls] = defaultdict(Calls)
    sums = {f"sum_{name}": Sum(name) for name in ANSWER_SUMS[2:]}
    answers = AnswerCount.objects.filter(at__range=(now - timedelta(days=USUAL_DAYS), now - HOUR))
    _add_answers(
        calls, answers.order_by().values("model", "outcome").annotate(**sums).values_list("model", "outcome", *sums)
    )
    days = (today - timedelta(days=USUAL_DAYS), today - timedelta(days=1))
    request_sums = {f"sum_{name}": Sum(name) for name in ("ok_requests", "failed_requests", "response_ms")}
    requests = DayModel.objects.filter(day__range=days).order_by().values("model__name").annotate(**request_sums)
    _add_requests(calls, requests.values_list("model__name", *request_sums))
    return calls


def _add_answers(calls: dict[str, Calls], rows: Iterable[tuple[Any, ...]]) -> None:
    for model, outcome, answers, timed, first_token_ms in rows:
        of_model = calls[model]
        of_model.timed += timed
        of_model.first_token_ms += first_token_ms
        if outcome in MODEL_FAILURES:
            of_model.failed_answers += answers
        elif outcome:
            of_model.callers_failures += answers
        else:
            of_model.answers += answers


def _add_requests(calls: dict[str, Calls], rows: Iterable[tuple[Any, ...]]) -> None:
    for model, ok_requests, failed_requests, response_ms in rows:
        of_model = calls[model]
        of_model.requests += ok_requests
        of_model.failed_requests += failed_requests
        of_model.response_ms += response_ms


def _days(today: date) -> dict[str, dict[date, tuple[int, int]]]:
    """Return (succeeded, failed) by name of the model and day, of the last DAYS."""
    rows = DayModel.objects.filter(day__range=(today - timedelta(days=DAYS - 1), today)).order_by()
    sums = rows.values("model__name", "day").annotate(ok=Sum("ok_requests"), failed=Sum("failed_requests"))
    found: defaultdict[str, dict[date, tuple[int, int]]] = defaultdict(dict)
    for name, day, ok, failed in sums.values_list("model__name", "day", "ok", "failed"):
        found[name][day] = (ok, failed)
    return found
