"""How long the portal keeps what it writes down: each rule with its setting, its rows, and how they are deleted.

Conversations, sign-ins, runs and messages of webhooks have tasks of their own; they are here for the numbers.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import append_only
from accounts.models import AuditEntry, SignIn, WebhookDelivery
from keys.models import LeakNotice, LimitChange
from playground.models import Conversation
from usage.models import Fact, Notice, PollRun, Reconciliation, UnusualSpend, UsageState
from usage.services.compact import LEAST_DAYS
from web.deletion import delete_in_batches

Rows = Callable[[datetime], "list[QuerySet[Any]]"]  # that are older than this


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of rows."""

    name: str
    setting: str  # days; 0: for good
    rows: Rows
    task: str = ""  # that deletes them; else `apply_retention` does
    least_days: int = 1
    allowed: Callable[[], AbstractContextManager[None]] = nullcontext

    @property
    def days(self) -> int:
        """For how many days; 0: for good."""
        return int(getattr(settings, self.setting))

    def due(self, now: datetime) -> list[QuerySet[Any]]:
        """Return the rows that are to go, none of what is kept for good."""
        return self.rows(now - timedelta(days=max(self.days, self.least_days))) if self.days else []


def _notices(before: datetime) -> list[QuerySet[Any]]:
    """Return old notices whose mail is not still to be sent."""
    is_over = Q(mailed_at__isnull=False) | Q(seen_at__isnull=False)
    return [
        Notice.objects.filter(is_over, made_at__lt=before),
        UnusualSpend.objects.filter(day__lt=before.date()),  # no mail of an earlier day than yesterday is sent
        LeakNotice.objects.filter(is_over, made_at__lt=before),
        LimitChange.objects.filter(is_over, made_at__lt=before),
    ]


def _daily_from() -> date:
    """Return the first day whose usage is not summed up yet."""
    return UsageState.load().daily_from or date.min


RULES: Final = (
    Rule(
        name="audit trail",
        setting="AUDIT_RETENTION_DAYS",
        rows=lambda before: [AuditEntry.objects.filter(at__lt=before)],
        least_days=append_only.LEAST_DAYS,
        allowed=append_only.pruning,
    ),
    Rule(
        name="notices",
        setting="NOTICE_RETENTION_DAYS",
        rows=_notices,
        least_days=90,  # one of a running period would be made again
    ),
    Rule(
        name="polls and comparisons",
        setting="RUN_RETENTION_DAYS",
        rows=lambda before: [
            PollRun.objects.filter(started_at__lt=before),
            Reconciliation.objects.filter(started_at__lt=before),
        ],
        task="usage.prune",
    ),
    Rule(
        name="usage by day",
        setting="DAILY_USAGE_RETENTION_DAYS",
        rows=lambda before: [Fact.objects.filter(day__lt=before.date().replace(day=1), day__gte=_daily_from())],
        least_days=LEAST_DAYS,
        task="usage.compact_facts",
    ),
    Rule(
        name="sign-ins",
        setting="SIGN_IN_RETENTION_DAYS",
        rows=lambda before: [SignIn.objects.filter(last_at__lt=before, at__lt=before)],
        task="accounts.prune_sign_ins",
    ),
    Rule(
        name="messages of webhooks",
        setting="WEBHOOK_RETENTION_DAYS",
        rows=lambda before: [WebhookDelivery.objects.filter(made_at__lt=before)],
        task="webhooks.prune",
    ),
    Rule(
        name="conversations",
        setting="PLAYGROUND_RETENTION_DAYS",
        rows=lambda before: [Conversation.objects.filter(used_at__lt=before)],
        task="playground.prune",
    ),
)


def count_due() -> Iterator[tuple[Rule, int]]:
    """Yield each rule with the number of rows that are to go."""
    now = timezone.now()
    for rule in RULES:
        yield rule, sum(rows.count() for rows in rule.due(now))


def apply_retention() -> dict[str, int]:
    """Delete what no other task deletes, in bounded batches; return how many rows, by the names of the rules.

    May be cut short, and run twice: the next run goes on.
    """
    now, deleted = timezone.now(), {}
    for rule in RULES:
        if not rule.task:
            due = rule.due(now)
            deleted[rule.name] = sum(delete_in_batches(rows, allowed=rule.allowed) for rows in due)
    return deleted
