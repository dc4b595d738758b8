"""How the models worked in a period: requests, failures by kind, response times; by model, or a model by day."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Sum
from django.db.models.functions import TruncDate

from playground.models import AnswerCount
from usage.models import DayModel
from usage.periods import Period

REQUEST_SUMS = ("ok_requests", "failed_requests", "response_ms")
ANSWER_SUMS = ("answers", "timed", "first_token_ms")


@dataclass(slots=True)
class Record:
    """A model, or a day of one: what the polls counted, and how the Playground's answers ended."""

    ok: int = 0
    failed: int = 0
    response_ms: int = 0  # summed over the successful requests
    timed: int = 0
    first_token_ms: int = 0  # summed over these answers
    outcomes: Counter[str] = field(default_factory=Counter)  # codes of AnswerError; "": answers that succeeded

    @property
    def requests(self) -> int:
        """All requests that the polls counted."""
        return self.ok + self.failed

    @property
    def failed_share(self) -> float | None:
        """The share of them that failed."""
        return self.failed / self.requests if self.requests else None

    @property
    def mean_response_ms(self) -> float | None:
        """The mean time of a successful request."""
        return self.response_ms / self.ok if self.ok else None

    @property
    def mean_first_token_ms(self) -> float | None:
        """The mean time to the first token of the Playground's answers."""
        return self.first_token_ms / self.timed if self.timed else None

    @property
    def kinds(self) -> list[tuple[str, int]]:
        """The codes of the Playground's failures with their numbers, the most frequent first."""
        return [(code, number) for code, number in self.outcomes.most_common() if code]


def by_model(period: Period) -> list[tuple[str, Record]]:
    """Return the models of a period, most failures first."""
    records = _records(_requests(period), "model__name", _answers(period), "model")
    return sorted(records.items(), key=lambda item: (-item[1].failed, -item[1].requests, item[0]))


def by_day(period: Period, model: str) -> list[tuple[date, Record]]:
    """Return the days on which a model was used, newest first."""
    answers = _answers(period).filter(model=model).annotate(day=TruncDate("at", tzinfo=UTC))
    records = _records(_requests(period).filter(model__name=model), "day", answers, "day")
    return sorted(records.items(), reverse=True)


def _requests(period: Period) -> Any:
    return DayModel.objects.filter(day__range=(period.first_day, period.last_day)).order_by()


def _answers(period: Period) -> Any:
    first = datetime.combine(period.first_day, time(), UTC)
    end = datetime.combine(period.last_day + timedelta(days=1), time(), UTC)
    return AnswerCount.objects.filter(at__gte=first, at__lt=end).order_by()


def _records(requests: Any, of_request: str, answers: Any, of_answer: str) -> dict[Any, Record]:
    """Add both up by a field of each; two queries."""
    records: defaultdict[Any, Record] = defaultdict(Record)
    for name, ok, failed, response_ms in _sums(requests, (of_request,), REQUEST_SUMS):
        record = records[name]
        record.ok, record.failed, record.response_ms = ok, failed, response_ms
    for name, outcome, number, timed, first_token_ms in _sums(answers, (of_answer, "outcome"), ANSWER_SUMS):
        record = records[name]
        record.outcomes[outcome] += number
        record.timed += timed
        record.first_token_ms += first_token_ms
    return records


def _sums(rows: Any, names: tuple[str, ...], measures: tuple[str, ...]) -> Iterable[tuple[Any, ...]]:
    sums = {f"sum_{name}": Sum(name) for name in measures}
    found: Iterable[tuple[Any, ...]] = rows.values(*names).annotate(**sums).values_list(*names, *sums)
    return found
