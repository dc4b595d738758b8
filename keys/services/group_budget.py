"""Refusals while a group of the owner has used up its monthly budget, and its policy stops the keys (ADR 32)."""

from accounts.models import User
from accounts.models.group_spend import month_first_day
from accounts.policies import Allowance, policy_of
from keys.services.refusals import KeyRefused


def refuse_while_stopped(allowance: Allowance) -> None:
    """Raise KeyRefused ("budget.group") while a group stops the person's keys."""
    if allowance.stopped_by:
        raise KeyRefused("budget.group", group=allowance.stopped_by, first_day=month_first_day().isoformat())


def budget_refusal(owner: User, *, of_person: str = "budget") -> KeyRefused:
    """Return why a key is blocked for a budget: that of a group, else (`of_person`: the reason) the owner's own."""
    try:
        refuse_while_stopped(policy_of(owner))
    except KeyRefused as of_group:
        return of_group
    return KeyRefused(of_person)
