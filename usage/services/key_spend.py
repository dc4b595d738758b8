"""Keeps on each key what it spent recently and when it was last used: lists of all keys are sorted by these."""

from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from keys.models import Key
from keys.use import NOTHING_USD
from usage.models import DayToken, TokenRef, UsageState, utc_today
from web.money import UsdField

RECENT_DAYS: Final = 30
SHOWN_AFTER_END: Final = timedelta(days=2)  # My keys lists keys for a day after their end
AT_ONCE: Final = 200  # keys that are locked together
LAST_DAY: Final = DayToken.objects.filter(token_ref=OuterRef("pk")).order_by("-day").values("day")[:1]  # of a token


def update_keys() -> int:
    """Write recent spend and last use to the keys of which they have changed; return how many. Idempotent.

    A key that another process is changing keeps its values until the next run, so that none waits for the other.
    """
    today, state = utc_today(), UsageState.load()
    if (state.keys_version, state.keys_day) == (state.version, today):
        return 0
    values, changed, written = _values(today), _changed(today), 0
    for start in range(0, len(changed), AT_ONCE):
        with transaction.atomic():
            free = Key.objects.filter(pk__in=changed[start : start + AT_ONCE]).select_for_update(skip_locked=True)
            written += Key.objects.filter(pk__in=list(free.values_list("pk", flat=True))).update(**values)
    if written == len(changed):
        UsageState.objects.filter(pk=1).update(keys_version=state.version, keys_day=today)
    return written


def _changed(today: date) -> list[UUID]:
    """Return the shown keys that have other values by now: one query for all keys instead of a subquery for each."""
    days = DayToken.objects.filter(token_ref__key__isnull=False, day__gte=_first_day(today)).order_by()
    recent = dict(days.values_list("token_ref__key").annotate(Sum("spend_usd")))
    tokens = TokenRef.objects.filter(key__isnull=False).alias(last=Subquery(LAST_DAY)).order_by()
    last = dict(tokens.values_list("key").annotate(Max("last")))
    shown = Q(state__in=Key.LIVE_STATES) | Q(ended_at__gte=timezone.now() - SHOWN_AFTER_END)
    keys = Key.objects.filter(shown).order_by("pk")
    stored = keys.values_list("pk", "recent_usd", "last_used_on").iterator()
    return [key for key, usd, day in stored if (usd, day) != (recent.get(key, NOTHING_USD), last.get(key))]


def _first_day(today: date) -> date:
    """Return the first of the recent days."""
    return today - timedelta(days=RECENT_DAYS - 1)


def _values(today: date) -> dict[str, Any]:
    """Return the values of a key, as parts of a query: few index lookups for each of its tokens."""
    days = DayToken.objects.filter(token_ref__key=OuterRef("pk"), day__gte=_first_day(today)).order_by()
    recent = days.values("token_ref__key").annotate(usd=Sum("spend_usd")).values("usd")
    tokens = TokenRef.objects.filter(key=OuterRef("pk")).annotate(last=Subquery(LAST_DAY))
    last = tokens.order_by(F("last").desc(nulls_last=True)).values("last")[:1]
    return {
        "recent_usd": Coalesce(Subquery(recent), Value(NOTHING_USD, UsdField())),
        "last_used_on": Subquery(last),
    }
