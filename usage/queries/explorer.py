"""The explorer's numbers: a metric, split by a dimension, by day, week or month. At most six queries (ADR 35)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Final

from django.db.models import F, Q

from usage.periods import Period
from usage.queries.distinct import Distinct
from usage.queries.metrics import METRICS, Amount, Metric, Number
from usage.queries.ranking import ranking
from usage.queries.scope import Scope
from usage.queries.splits import HAS_PART, MANY_PARTS, Reader, Rows

TOP: Final = 8  # parts on the chart; the rest together are one more
Part = tuple[Any, ...]  # what identifies a part of a split: mostly an id


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked."""

    metric: str = "spend"
    split: str = "model"
    step: str = "day"
    compare: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A part of the split in the whole period; `before` is of the period before, if that was asked."""

    part: Part
    amount: Amount
    before: Amount | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """The numbers: `series` are those of the first lines, then, unless nothing is left, of the others."""

    question: Question
    period: Period
    buckets: tuple[date, ...]  # first days, oldest first; the first and the last may be cut by the period
    lines: tuple[Line, ...]  # largest first; with a limit, the first ones of `count`
    count: int
    series: tuple[tuple[Amount, ...], ...]
    totals: tuple[Amount, ...]  # of each bucket
    total: Amount
    before: Amount
    before_totals: tuple[Amount, ...]  # by bucket, of the period before, as far as it goes

    @property
    def metric(self) -> Metric:
        """The metric."""
        return METRICS[self.question.metric]

    @property
    def top(self) -> tuple[Line, ...]:
        """The lines that have a series of their own."""
        return self.lines[:TOP]

    def value(self, amount: Amount) -> Number | None:
        """Return the number that is shown for an amount."""
        return self.metric.value(amount)


def bucket_of(day: date, step: str) -> date:
    """Return the first day of the day, week or month of a day."""
    if step == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if step == "week" else day


def buckets_of(period: Period, step: str) -> tuple[date, ...]:
    """Return the first days of all days, weeks or months of a period, oldest first."""
    return tuple(sorted({bucket_of(day, step) for day in period.days()}))


def explore(question: Question, scope: Scope, period: Period, limit: int | None = None) -> Exploration:
    """Read the numbers; of people and keys only the first lines, if a limit is given."""
    asked = _Asked(question, Reader(scope), period, limit)
    if asked.metric.counts:
        lines, by_part, whole = asked.counted()
    elif question.split in MANY_PARTS:
        lines, by_part, whole = asked.ranked()
    else:
        lines, by_part, whole = asked.by_day()
    buckets = buckets_of(period, question.step)
    series = [tuple(by_part[line.part].get(bucket, Amount()) for bucket in buckets) for line in lines[:TOP]]
    totals = tuple(whole.now.get(bucket, Amount()) for bucket in buckets)
    count = asked.count or len(lines)
    if count > TOP and not asked.metric.counts:
        series.append(asked.others(lines, by_part, series, totals))
    before_buckets = buckets_of(period.previous(), question.step)
    return Exploration(
        question=question,
        period=period,
        buckets=buckets,
        lines=tuple(lines),
        count=count,
        series=tuple(series),
        totals=totals,
        total=whole.total,
        before=whole.total_before,
        before_totals=tuple(whole.before.get(bucket, Amount()) for bucket in before_buckets[: len(buckets)]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """Everything together, by bucket and in all: of the period, and of the one before."""

    now: dict[date, Amount]
    before: dict[date, Amount]
    total: Amount
    total_before: Amount


ByPart = dict[Part, dict[date, Amount]]
Numbers = tuple[list[Line], ByPart, _Whole]


class _Asked:
    """A question about a scope and a period, and the ways to answer it."""

    def __init__(self, question: Question, reader: Reader, period: Period, limit: int | None) -> None:
        self.question, self.reader, self.period, self.limit = question, reader, period, limit
        self.count = 0  # of people or keys
        self.metric = METRICS[question.metric]

    def by_day(self) -> Numbers:
        """Read all parts by day: one query, and one for the whole. What has no supervisor or course is the rest."""
        rows = self.reader.rows(self.period.first_day, self.period.last_day, self.question.split)
        by_part, whole = self._by_bucket(rows, HAS_PART.get(self.question.split)), self._whole()
        if self.question.split in HAS_PART:
            rest = dict(whole.now)
            for buckets in by_part.values():
                for bucket, amount in buckets.items():
                    rest[bucket] = rest[bucket].minus(amount)
            if any(any(amount) for amount in rest.values()):
                by_part[(None,)] = rest
        found = {part: _sum(buckets.values()) for part, buckets in by_part.items()}
        return self._lines(found), by_part, whole

    def ranked(self) -> Numbers:
        """Read the sums of the first people or keys, then those of the chart by day; one more for the whole."""
        days, split = (self.period.first_day, self.period.last_day), self.question.split
        found = ranking(self.reader.filtered(), *days, self.metric, split, self.limit)
        self.count = found.of
        lines = self._lines(dict(found.parts))
        only = self._only(line.part for line in lines[:TOP])
        return lines, self._by_bucket(self.reader.rows(*days, split), only), self._whole()

    def _by_bucket(self, rows: Rows, only: Q | None) -> ByPart:
        by_part: ByPart = defaultdict(lambda: defaultdict(Amount))
        for day, part, amount in self._amounts(rows.grouped(self.metric.aggregates(), F("day"), only=only), 1):
            bucket = bucket_of(day, self.question.step)
            by_part[part][bucket] = by_part[part][bucket].plus(amount)
        return by_part

    def counted(self) -> Numbers:
        """Count different people or keys: of all parts, by bucket, of the whole; up to eight queries."""
        days = self._distinct.days(self.period)
        lines = self._lines(self._distinct.by_part(days))
        by_part = {line.part: self._distinct.by_bucket(days, self._bucket_of, line.part) for line in lines[:TOP]}
        before = self._distinct.days(self.period.previous(), by_part=False)
        whole = _Whole(
            now=self._distinct.by_bucket(days, self._bucket_of),
            before=self._distinct.by_bucket(before, self._bucket_of),
            total=self._distinct.total(days),
            total_before=self._distinct.total(before),
        )
        return lines, by_part, whole

    @cached_property
    def _distinct(self) -> Distinct:
        return Distinct(self.metric.counts, self.reader, self.question.split)

    def _bucket_of(self, day: date) -> date:
        return bucket_of(day, self.question.step)

    def others(
        self, lines: list[Line], by_part: ByPart, series: list[tuple[Amount, ...]], totals: tuple[Amount, ...]
    ) -> tuple[Amount, ...]:
        """Return the series of what is not among the first: groups overlap, everything else adds up to the whole."""
        if self.question.split == "group":
            buckets = buckets_of(self.period, self.question.step)
            rest = [by_part[line.part] for line in lines[TOP:]]
            return tuple(_sum(part.get(bucket, Amount()) for part in rest) for bucket in buckets)
        return tuple(total.minus(_sum(parts)) for total, *parts in zip(totals, *series, strict=True))

    def _amounts(self, rows: Iterable[tuple[Any, ...]], before: int) -> Iterable[tuple[Any, ...]]:
        """Yield (the columns before the part, the part, the amount)."""
        width = 2 if self.question.split == "key" else 1
        for row in rows:
            yield (*row[:before], row[before : before + width], self.metric.amount(row[before + width :]))

    def _lines(self, found: dict[Part, Amount]) -> list[Line]:
        """Return the parts, the largest value first; ties by what the value is a share of."""
        before = self._before() if self.question.compare else {}
        lines = [
            Line(part=part, amount=amount, before=before.get(part, Amount()) if self.question.compare else None)
            for part, amount in found.items()
        ]
        value = self.metric.value
        return sorted(lines, key=lambda each: (-(value(each.amount) or 0), -each.amount.per))

    def _before(self) -> dict[Part, Amount]:
        """Return the parts in the period before; one query."""
        before = self.period.previous()
        if self.metric.counts:
            return self._distinct.by_part(self._distinct.days(before))
        days = (before.first_day, before.last_day)
        if self.question.split in MANY_PARTS:
            return dict(ranking(self.reader.filtered(), *days, self.metric, self.question.split, None).parts)
        rows = self.reader.rows(*days, self.question.split)
        return dict(self._amounts(rows.grouped(self.metric.aggregates()), 0))

    def _only(self, parts: Iterable[Part]) -> Q:
        """Match these people or keys."""
        found = list(parts)
        if self.question.split == "person":
            owners = [owner for (owner,) in found if owner is not None]
            return Q(token_ref__owner__in=owners) | (Q(token_ref__owner=None) if (None,) in found else Q(pk__in=[]))
        keys, tokens = [key for key, _ in found if key], [token for key, token in found if not key]
        return Q(token_ref__key__in=keys) | Q(token_ref__in=tokens)

    def _whole(self) -> _Whole:
        """Read both periods by day; one query."""
        period, step, before = self.period, self.question.step, self.period.previous()
        sums: dict[bool, dict[date, Amount]] = {True: defaultdict(Amount), False: defaultdict(Amount)}
        rows = self.reader.rows(before.first_day, period.last_day)
        for day, *numbers in rows.grouped(self.metric.aggregates(), F("day")):
            is_now = day >= period.first_day
            if is_now or day <= before.last_day:  # they need not be adjacent
                bucket = bucket_of(day, step)
                sums[is_now][bucket] = sums[is_now][bucket].plus(self.metric.amount(numbers))
        total, total_before = _sum(sums[True].values()), _sum(sums[False].values())
        return _Whole(now=sums[True], before=sums[False], total=total, total_before=total_before)


def _sum(amounts: Iterable[Amount]) -> Amount:
    total = Amount()
    for amount in amounts:
        total = total.plus(amount)
    return total
