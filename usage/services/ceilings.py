"""Enforces budgets that the gateway cannot: of groups (ADR 32), and of people where it has no teams (ADR 24)."""

from accounts.models import Policy
from keys.models import PersonBudget
from keys.services.ceilings import are_any_held, hold_keys_of
from usage.models import utc_today
from usage.queries.key_use import people_spent
from usage.services.group_budgets import measure_groups, stopped_people


def are_any_kept_here() -> bool:
    """Tell whether the portal enforces any budget, or did; at most three queries."""
    kept = PersonBudget.objects.filter(state=PersonBudget.State.WITHOUT_TEAMS, budget_usd__isnull=False)
    return kept.exists() or Policy.objects.exclude(group_budget_usd=None).exists() or are_any_held()


def enforce_ceilings() -> int:
    """Block the keys of people over budget, or in a group over budget, unblock those of others; return how many.

    As late as the poll before it. Idempotent. Raises GatewayUnavailable when the gateway failed on some.
    """
    measure_groups()
    people = people_spent(utc_today())
    over = {row.owner_id for row, spent in people if not spent.kept_by_gateway and spent.tone == "bad"}
    return hold_keys_of(over | stopped_people())
