"""Rates of the lab's currency: entered, corrected, deleted; each change is in the audit trail."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from accounts.audit import Actor, record
from accounts.audit_words import add_words
from accounts.models import AuditAction, AuditObject, AuditOutcome, User
from usage.models import ExchangeRate
from web.currency import newest_rate

SHOWN: Final = 50  # changes in the words for an entry of the trail, which has all of them


def _changes(values: Mapping[str, Any]) -> str:
    """Name each rate before and after, and how many there are."""
    words = gettext("%(field)s: %(before)s → %(after)s")
    lines = [
        words % {"field": day, "before": before or "–", "after": after}
        for day, (before, after) in sorted(values["changes"].items())[:SHOWN]
    ]
    return "; ".join(lines) + (" …" if values["count"] > len(lines) else "")


add_words({"rates.entered": _changes, "rates.deleted": "%(day)s: %(rate)s"})


def enter_rates(rates: Mapping[date, Decimal], *, person: User, actor: Actor) -> int:
    """Enter the rates of these days, or correct them; return how many were new or different. Idempotent."""
    with transaction.atomic():
        changed = _enter(rates, person, actor)
    newest_rate.forget()
    return changed


def delete_rate(rate: ExchangeRate, *, actor: Actor) -> None:
    """Delete a rate: the one before it then holds on its days too. Idempotent."""
    with transaction.atomic():
        deleted, _by_model = ExchangeRate.objects.filter(pk=rate.pk).delete()
        if deleted:
            details = {"day": rate.day.isoformat(), "rate": f"{rate.per_usd.normalize():f}"}
            _record(actor, AuditAction.DELETE, "rates.deleted", details)
    newest_rate.forget()


def _enter(rates: Mapping[date, Decimal], person: User, actor: Actor) -> int:
    stored = ExchangeRate.objects.select_for_update().filter(currency=settings.CURRENCY, day__in=rates)
    before = dict(stored.order_by("day").values_list("day", "per_usd"))  # two files lock the same days in one order
    changed = {day: rate for day, rate in sorted(rates.items()) if before.get(day) != rate}
    rows = [
        ExchangeRate(currency=settings.CURRENCY, day=day, per_usd=rate, entered_at=timezone.now(), entered_by=person)
        for day, rate in changed.items()
    ]
    ExchangeRate.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["currency", "day"],
        update_fields=["per_usd", "entered_at", "entered_by"],
    )
    if changed:
        lines = {
            day.isoformat(): [f"{before[day].normalize():f}" if day in before else "", f"{rate.normalize():f}"]
            for day, rate in changed.items()
        }
        _record(actor, AuditAction.CHANGE, "rates.entered", {"count": len(changed), "changes": lines})
    return len(changed)


def _record(actor: Actor, action: AuditAction, code: str, details: dict[str, Any]) -> None:
    record(
        actor=actor,
        action=action,
        outcome=AuditOutcome.DONE,
        kind=AuditObject.RATE,
        object_id=settings.CURRENCY,
        label=settings.CURRENCY,
        code=code,
        details=details,
    )
