"""Enforces people's budgets that the gateway cannot enforce, having no teams (ADR 24)."""

from keys.models import PersonBudget
from keys.services.ceilings import are_any_held, hold_keys_of
from usage.models import utc_today
from usage.queries.key_use import people_spent


def are_any_kept_here() -> bool:
    """Tell whether the portal enforces anybody's budget, or did; two queries."""
    kept = PersonBudget.objects.filter(state=PersonBudget.State.WITHOUT_TEAMS, budget_usd__isnull=False)
    return kept.exists() or are_any_held()


def enforce_ceilings() -> int:
    """Block the keys of people over budget, unblock those of others; return how many.

    As late as the poll before it. Idempotent. Raises GatewayUnavailable when the gateway failed on some.
    """
    people = people_spent(utc_today())
    return hold_keys_of({row.owner_id for row, spent in people if not spent.kept_by_gateway and spent.tone == "bad"})
