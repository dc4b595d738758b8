"""What a person may have, out of the policies of all their groups."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet

from accounts.models import BudgetPeriod, Policy, User

Budget = tuple[Decimal | None, str]  # USD (None: no limit), and the period after which it is whole again


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a person may have. None is "no limit", but for personal keys, where it is "may not have one"."""

    temporary_lifetime_days: int
    personal_lifetime_days: int | None  # None: may not have a personal key
    max_live_keys: int | None
    person_budget_usd: Decimal | None  # of all keys together, per person_budget_period
    person_budget_period: str  # "1d", "7d" or "30d"
    budget_usd: Decimal | None  # of each key, per budget_period
    budget_period: str  # "1d", "7d" or "30d"
    rpm_limit: int | None
    tpm_limit: int | None
    models: tuple[str, ...] | None  # sorted; None: all, also those that come later
    grace_hours: int
    may_name_interns: bool
    playground: bool  # may use the Playground; if not, the next three say nothing
    playground_budget_usd: Decimal | None  # of the one Playground key, per playground_budget_period
    playground_budget_period: str
    playground_models: tuple[str, ...] | None  # as `models`
    names: tuple[str, ...]  # of the groups that it comes from, sorted; empty: the default policy


def policy_of(user: User) -> Allowance:
    """Return the most generous value of each limit over the person's groups, "no limit" above all; one query.

    Who is in no group with a policy gets the default policy; a superuser counts as one of those who change policies.
    """
    theirs = Q(group__in=user.groups.all()) | Q(group=None)
    if user.is_superuser:
        theirs |= Q(group__in=_groups_of_admins())
    found = Policy.objects.filter(theirs).select_related("group")
    of_groups = [policy for policy in found if policy.group_id is not None]
    # Without any row (a new database, a row taken away by hand), the defaults of the model are the modest ones.
    return merged(of_groups or list(found) or [Policy()])


class Allowances:
    """What each of many people may have, as `policy_of` says, out of four queries."""

    def __init__(
        self,
        policies: Iterable[Policy],
        groups: Iterable[tuple[int, int]],
        superusers: Iterable[int],
        admins: Sequence[int],
    ) -> None:
        self._policies = {policy.group_id: policy for policy in policies}
        self._groups: dict[int, set[int]] = defaultdict(set)
        for user_id, group_id in groups:
            self._groups[user_id].add(group_id)
        for user_id in superusers:
            self._groups[user_id].update(admins)
        self._merged: dict[frozenset[int], Allowance] = {}

    @classmethod
    def load(cls) -> "Allowances":
        """Read policies, who is in a group that has one, and who is a superuser."""
        admins = _groups_of_admins().filter(policy__isnull=False).values_list("pk", flat=True)
        members = User.groups.through.objects.filter(group__policy__isnull=False).values_list("user_id", "group_id")
        superusers = User.objects.filter(is_superuser=True).values_list("pk", flat=True)
        return cls(Policy.objects.select_related("group"), members, superusers, list(admins))

    def of(self, user_id: int) -> Allowance:
        """Return what this person may have."""
        groups = frozenset(self._groups.get(user_id, ()))
        if groups not in self._merged:
            found = [self._policies[group] for group in sorted(groups)]
            default = self._policies.get(None)
            self._merged[groups] = merged(found or [default or Policy()])
        return self._merged[groups]


def _groups_of_admins() -> QuerySet[Group]:
    """Return the groups whose people may change policies, whatever they are called."""
    may_change = {"permissions__codename": "change_policy", "permissions__content_type__app_label": "accounts"}
    return Group.objects.filter(**may_change)


def merged(policies: Sequence[Policy]) -> Allowance:
    """Return the most generous of at least one policy; a budget and its period stay a pair, compared per day."""
    person_budget_usd, person_period = _richest(
        (policy.person_budget_usd, policy.person_budget_period) for policy in policies
    )
    budget_usd, period = _richest((policy.budget_usd, policy.budget_period) for policy in policies)
    open_ones = [policy for policy in policies if policy.playground]
    playground_budget_usd, playground_period = _richest(
        (policy.playground_budget_usd, policy.playground_budget_period) for policy in open_ones or policies
    )
    models = _all_models(policies)
    return Allowance(
        temporary_lifetime_days=max(policy.temporary_lifetime_days for policy in policies),
        personal_lifetime_days=max(
            (policy.personal_lifetime_days for policy in policies if policy.personal_keys), default=None
        ),
        max_live_keys=_highest(policy.max_live_keys for policy in policies),
        person_budget_usd=person_budget_usd,
        person_budget_period=person_period,
        budget_usd=budget_usd,
        budget_period=period,
        rpm_limit=_highest(policy.rpm_limit for policy in policies),
        tpm_limit=_highest(policy.tpm_limit for policy in policies),
        models=models,
        grace_hours=max(policy.grace_hours for policy in policies),
        may_name_interns=any(policy.may_name_interns for policy in policies),
        playground=bool(open_ones),
        playground_budget_usd=playground_budget_usd,
        playground_budget_period=playground_period,
        playground_models=_playground_models(open_ones, models),
        names=tuple(sorted(policy.group.name for policy in policies if policy.group)),
    )


def _highest(limits: Iterable[int | None]) -> int | None:
    """Return the highest limit, or None when one of them is "no limit"."""
    known = list(limits)
    return None if None in known else max(limit for limit in known if limit is not None)


def _richest(budgets: Iterable[Budget]) -> Budget:
    """Return the most generous of at least one budget, with its period."""
    return max(budgets, key=_generosity)


def _generosity(budget: Budget) -> tuple[bool, Decimal, Decimal]:
    """Return what orders budgets: no limit, then USD a day, then USD at once."""
    usd, period = budget
    if usd is None:
        return (True, Decimal(0), Decimal(0))
    return (False, usd / BudgetPeriod(period).days, usd)


def _all_models(policies: Iterable[Policy]) -> tuple[str, ...] | None:
    """Return every model that one of the policies names, or None when one allows all."""
    names: set[str] = set()
    for policy in policies:
        if policy.all_models:
            return None
        names.update(policy.model_names)
    return tuple(sorted(names))


def _playground_models(policies: Iterable[Policy], of_keys: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return what the policies that open the Playground name for it; one without names of its own brings the keys'."""
    names: set[str] = set()
    for policy in policies:
        if policy.playground_own_models:
            names.update(policy.playground_model_names)
        elif of_keys is None:
            return None
        else:
            names.update(of_keys)
    return tuple(sorted(names))
