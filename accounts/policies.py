"""What a person may have, out of the policies of all their groups."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q

from accounts.models import BudgetPeriod, Policy, User


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a person may have. None is "no limit", but for personal keys, where it is "may not have one"."""

    temporary_lifetime_days: int
    personal_lifetime_days: int | None  # None: may not have a personal key
    max_live_keys: int | None
    budget_usd: Decimal | None  # of each key, per budget_period
    budget_period: str  # "1d", "7d" or "30d"
    rpm_limit: int | None
    tpm_limit: int | None
    models: tuple[str, ...] | None  # sorted; None: all, also those that come later
    grace_hours: int
    may_name_interns: bool
    names: tuple[str, ...]  # of the groups that it comes from, sorted; empty: the default policy


def policy_of(user: User) -> Allowance:
    """Return the most generous value of each limit over the person's groups, "no limit" above all; one query.

    Who is in no group with a policy gets the default policy.
    """
    found = Policy.objects.filter(Q(group__user=user) | Q(group=None)).select_related("group")
    of_groups = [policy for policy in found if policy.group_id is not None]
    # Without any row (a new database, a row taken away by hand), the defaults of the model are the modest ones.
    return merged(of_groups or list(found) or [Policy()])


def merged(policies: Sequence[Policy]) -> Allowance:
    """Return the most generous of at least one policy; a budget and its period stay a pair, compared per day."""
    richest = max(policies, key=_generosity)
    return Allowance(
        temporary_lifetime_days=max(policy.temporary_lifetime_days for policy in policies),
        personal_lifetime_days=max(
            (policy.personal_lifetime_days for policy in policies if policy.personal_keys), default=None
        ),
        max_live_keys=_highest(policy.max_live_keys for policy in policies),
        budget_usd=richest.budget_usd,
        budget_period=richest.budget_period,
        rpm_limit=_highest(policy.rpm_limit for policy in policies),
        tpm_limit=_highest(policy.tpm_limit for policy in policies),
        models=_all_models(policies),
        grace_hours=max(policy.grace_hours for policy in policies),
        may_name_interns=any(policy.may_name_interns for policy in policies),
        names=tuple(sorted(policy.group.name for policy in policies if policy.group)),
    )


def _highest(limits: Iterable[int | None]) -> int | None:
    """Return the highest limit, or None when one of them is "no limit"."""
    known = list(limits)
    return None if None in known else max(limit for limit in known if limit is not None)


def _generosity(policy: Policy) -> tuple[bool, Decimal, Decimal]:
    """Return what orders budgets: no limit, then USD a day, then USD at once."""
    if policy.budget_usd is None:
        return (True, Decimal(0), Decimal(0))
    return (False, policy.budget_usd / BudgetPeriod(policy.budget_period).days, policy.budget_usd)


def _all_models(policies: Iterable[Policy]) -> tuple[str, ...] | None:
    """Return every model that one of the policies names, or None when one allows all."""
    names: set[str] = set()
    for policy in policies:
        if policy.all_models:
            return None
        names.update(policy.model_names)
    return tuple(sorted(names))
