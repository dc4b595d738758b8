"""Operations on usage, in order: poll, write, sum, compare, alert. Transactions are opened here only."""

from usage.services.attribute import attribute_tokens
from usage.services.budget_alerts import warn_of_budgets
from usage.services.ceilings import are_any_kept_here, enforce_ceilings
from usage.services.compact import compact_next_month
from usage.services.failures import read_failures
from usage.services.key_spend import update_keys
from usage.services.operators import alert_operators
from usage.services.prune import delete_old_rows
from usage.services.rates import delete_rate, enter_rates
from usage.services.reconcile import compare_with_gateway
from usage.services.refresh import refresh_facts
from usage.services.rollups import rebuild_rollups
from usage.services.saved_views import ViewRefused, save_view
from usage.services.schedule import backfill_month, days_for, record_nightly_run, reread_older_days
from usage.services.unusual import warn_of_unusual_spend
from usage.services.view_mails import mail_views

__all__ = [
    "ViewRefused",
    "alert_operators",
    "are_any_kept_here",
    "attribute_tokens",
    "backfill_month",
    "compact_next_month",
    "compare_with_gateway",
    "days_for",
    "delete_old_rows",
    "record_nightly_run",
    "enforce_ceilings",
    "delete_rate",
    "enter_rates",
    "mail_views",
    "rebuild_rollups",
    "read_failures",
    "refresh_facts",
    "reread_older_days",
    "save_view",
    "update_keys",
    "warn_of_budgets",
    "warn_of_unusual_spend",
]
