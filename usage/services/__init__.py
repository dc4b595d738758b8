"""What happens to usage, in order: polled, written, summed, compared, warned of. Transactions are opened here only."""

from usage.services.alarms import warn_of_budgets
from usage.services.attribute import attribute_sources
from usage.services.operators import alert_operators
from usage.services.prune import forget_old_runs
from usage.services.reconcile import compare_with_gateway
from usage.services.refresh import refresh_facts
from usage.services.rollups import rebuild_rollups
from usage.services.spans import backfill_month, days_of, note_night, reread_older_days

__all__ = [
    "alert_operators",
    "attribute_sources",
    "backfill_month",
    "compare_with_gateway",
    "days_of",
    "forget_old_runs",
    "note_night",
    "rebuild_rollups",
    "refresh_facts",
    "reread_older_days",
    "warn_of_budgets",
]
