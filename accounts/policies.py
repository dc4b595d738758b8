"""Computes what a person may have, from the policies of all their groups and from their current grants."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, Permission
from django.db.models import (
    BooleanField,
    DateTimeField,
    Exists,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
)
from django.db.models.functions import Cast
from django.utils import timezone

from accounts.models import BudgetPeriod, Grant, KeyKind, KeyRule, Policy, Thing, User, new_rules
from accounts.models.group_spend import month_first_day
from accounts.rights import groups_to_give, names_claimed_in
from web.json_list import JsonList, values_in

MOST_USD: Final = Decimal("999999.99")  # the largest budget, grants included
Budget = tuple[Decimal | None, str]  # USD (None: no limit), and the period after which it resets


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAllowance:
    """What a person may have of one kind of key. None means "no limit"."""

    allowed: bool  # whether new keys are allowed; if not, the other values apply to existing ones
    max_keys: int | None  # of this kind at once, within Allowance.max_live_keys
    lifetime_days: int
    ends_at: datetime | None  # after which no key of this kind works
    budget_usd: Decimal | None  # of each key, per budget_period
    budget_period: str  # "1d", "7d" or "30d"
    rpm_limit: int | None
    tpm_limit: int | None
    models: tuple[str, ...] | None  # sorted; None: all, also those that come later


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a person may have. None means "no limit"."""

    max_live_keys: int | None  # temporary and personal ones together
    person_budget_usd: Decimal | None  # of all keys together, per person_budget_period
    person_budget_period: str  # "1d", "7d" or "30d"
    course_budget_usd: Decimal | None  # of all students of a course together
    grace_hours: int
    may_name_interns: bool
    at_once_usd: Decimal | None  # more budget per period without a decision; None: nothing
    on_request: tuple[str, ...]  # sorted: models that the policies list as such, whether or not another allows them
    asks_for_any_model: bool  # else only for those on request
    rules: Mapping[str, KeyAllowance]  # by kind of key, all of KeyKind
    names: tuple[str, ...]  # of the groups that give it, sorted; empty: the default policy
    before_grants: "Allowance | None" = None  # what the policies alone give; None: there is no grant
    granted_models: tuple[str, ...] = ()
    stopped_by: str = ""  # a group of theirs whose budget is used up, and stops their keys; only `policy_of` says it

    @property
    def models(self) -> tuple[str, ...] | None:
        """The models that the person's programs can call, with any kind of key; None: all."""
        return _joined(rule.models for rule in self.for_programs)

    @property
    def models_everywhere(self) -> tuple[str, ...] | None:
        """The models that each key of the person can call, of any kind but those of courses; None: all."""
        own = [rule for kind, rule in self.rules.items() if rule.allowed and kind != KeyKind.COURSE]
        lists = [set(rule.models) for rule in own if rule.models is not None]
        return tuple(sorted(set.intersection(*lists))) if lists else None

    @property
    def lacking_on_request(self) -> tuple[str, ...]:
        """The models on request that some key of the person cannot call."""
        everywhere = self.models_everywhere
        return () if everywhere is None else tuple(name for name in self.on_request if name not in everywhere)

    @property
    def each_has_budget(self) -> bool:
        """Whether every key that the person can create has a budget of its own."""
        return all(rule.budget_usd is not None for rule in self.for_programs)

    @property
    def for_programs(self) -> list[KeyAllowance]:
        """The rules of the kinds that people create themselves."""
        rules = (self.rules[KeyKind.TEMPORARY], self.rules[KeyKind.PERSONAL])
        return [rule for rule in rules if rule.allowed]


def policy_of(user: User) -> Allowance:
    """Return the most generous value of each limit over the person's groups, "no limit" above all, and their grants.

    People in no group with a policy get the default policy; a superuser counts as somebody who can change policies.
    One query, and one more for people with a grant.
    """
    own_groups = User.groups.through.objects.filter(user=user.pk).values("group")
    theirs = Q(policy__group__in=own_groups) | Q(policy__group=None)
    if user.is_superuser:
        theirs |= Q(policy__group__in=_groups_of_admins())
    rules: QuerySet[Any] = KeyRule.objects.filter(theirs).select_related("policy__group__spend")
    found = list(rules.annotate(has_grants=_HasGrants(Value(user.pk), Value(timezone.now(), DateTimeField()))))
    of_groups = [rule for rule in found if rule.policy.group_id is not None]
    # Without any row (a new database, a row deleted by hand), the defaults of the models are safe.
    allowance = merged(of_groups or found or new_rules(Policy()))
    allowance = replace(allowance, stopped_by=_stopped_by(user, [rule.policy for rule in of_groups]))
    if found and not found[0].has_grants:
        return allowance
    return with_grants(allowance, Grant.objects.running().filter(person=user))


class _HasGrants(Func):
    """Whether a person has a grant that ends after a moment: as SQL, since Django compiles an `Exists` in 0.4 ms."""

    template = "EXISTS (SELECT 1 FROM accounts_grant WHERE person_id = %(expressions)s)"
    arg_joiner = " AND ends_at > "
    output_field = BooleanField()


def _stopped_by(user: User, policies: Sequence[Policy]) -> str:
    """Return the first group of the person's whose budget is used up, and stops their keys; "" if none does.

    The policies were read with what their groups have spent. For a superuser they are those of others, too: one more
    query if any of them stops.
    """
    month = month_first_day()
    stopping = {
        policy.group.name
        for policy in policies
        if policy.group_budget_stops and policy.group and policy.group_budget_usd is not None
        if (spend := getattr(policy.group, "spend", None)) and spend.first_day == month
        if spend.spent_usd >= policy.group_budget_usd
    }
    if stopping and user.is_superuser:
        stopping.intersection_update(user.groups.values_list("name", flat=True))
    return min(stopping, default="")


class Allowances:
    """What each of many people may have, as `policy_of` says, from four queries."""

    def __init__(
        self,
        rules: Iterable[KeyRule],
        groups: Iterable[tuple[int, int]],
        superusers: Iterable[int],
        admins: Sequence[int],
        grants: Iterable[Grant] = (),
    ) -> None:
        self._rules: dict[int | None, list[KeyRule]] = defaultdict(list)
        for rule in rules:
            self._rules[rule.policy.group_id].append(rule)
        self._groups: dict[int, set[int]] = defaultdict(set)
        for user_id, group_id in groups:
            self._groups[user_id].add(group_id)
        for user_id in superusers:
            self._groups[user_id].update(admins)
        self._grants: dict[int, list[Grant]] = defaultdict(list)
        for grant in grants:
            self._grants[grant.person_id].append(grant)
        self._merged: dict[frozenset[int], Allowance] = {}

    @classmethod
    def load(cls, *, also: int | None = None) -> "Allowances":
        """Read policies, who is in a group that has one, who is a superuser, and what was granted to whom.

        `also`: a group that may have no policy yet, and whose members are asked for `with_rules`.
        """
        of_admins = Exists(_groups_of_admins().filter(pk=OuterRef("policy__group")))
        rules = list(KeyRule.objects.select_related("policy__group").annotate(of_admins=of_admins))
        admins = {rule.policy.group_id for rule in rules if rule.of_admins and rule.policy.group_id}
        if also is not None and also not in admins:
            admins.update(_groups_of_admins().filter(pk=also).values_list("pk", flat=True))
        counting = Q(group__policy__isnull=False) | Q(group=also)
        members = User.groups.through.objects.filter(counting).values_list("user_id", "group_id")
        superusers = User.objects.filter(is_superuser=True).values_list("pk", flat=True)
        return cls(rules, members, superusers, sorted(admins), Grant.objects.running())

    def of(self, user_id: int) -> Allowance:
        """Return what this person may have."""
        groups = frozenset(self._groups.get(user_id, ()))
        if groups not in self._merged:
            found = [rule for group in sorted(groups) for rule in self._rules.get(group, ())]
            self._merged[groups] = merged(found or self._rules.get(None) or new_rules(Policy()))
        return with_grants(self._merged[groups], self._grants.get(user_id, ()))

    def with_rules(self, group_id: int | None, rules: Iterable[KeyRule]) -> "Allowances":
        """Return the same with other rules for a group (None: of the default policy); without any it has no policy."""
        other = copy(self)
        other._rules = defaultdict(list, {**self._rules, group_id: list(rules)})
        other._merged = {}
        return other


def _groups_of_admins() -> QuerySet[Group]:
    """Return the groups whose people may change policies in Django's admin, whatever they are called.

    Groups with only the portal's permission for policies do not count: superusers do not get the policy of secretaries.
    """
    of_accounts = Permission.objects.filter(content_type__app_label="accounts")
    return Group.objects.filter(Exists(of_accounts.filter(group=OuterRef("pk"), codename="change_policy")))


def people_under(group: Group | None) -> QuerySet[User]:
    """Return the people for whom the policy of a group counts; None: the default one, for those in no group with one.

    Nobody who is anonymised.
    """
    people = User.objects.filter(anonymised_at=None)
    of_admins = _groups_of_admins()
    if group is not None:
        is_of_admins = Exists(of_admins.filter(pk=group.pk))
        return people.filter(Q(pk__in=group.user_set.values("pk")) | Q(is_of_admins, is_superuser=True))
    have_one = User.groups.through.objects.filter(user=OuterRef("pk"), group__policy__isnull=False)
    admins_have_one = Exists(of_admins.filter(policy__isnull=False))
    return people.filter(~Exists(have_one)).exclude(admins_have_one, is_superuser=True)


def is_own_policy(actor: User, group: Group | None) -> bool:
    """Return whether the group's policy (None: the default one) says what `actor` may have, so is not theirs to change.

    Also where they may come into the group by the institution. Superusers may change any.
    """
    if actor.is_superuser:
        return False
    if group is None:
        return not policy_of(actor).names
    return any(map(is_own_group, with_claims(Group.objects.filter(pk=group.pk), actor)))


def with_claims(groups: QuerySet[Group], actor: User) -> QuerySet[Any]:
    """Add to groups what `is_own_group` needs: whether the actor is a member, and what the institution says of them."""
    members = User.groups.through.objects.filter(user=actor, group=OuterRef("pk"))
    accounts = SocialAccount.objects.filter(user=actor).order_by().values("user")
    claims = accounts.annotate(all=JsonList(Cast("extra_data", TextField()))).values("all")
    return groups.annotate(has_actor=Exists(members), claims=Subquery(claims))


def is_own_group(group: Any) -> bool:
    """Return whether the actor is in a group that was read `with_claims`, or may come into it by the institution."""
    return group.has_actor or any(group.name in names_claimed_in(json.loads(text)) for text in values_in(group.claims))


def may_change_policy(actor: User, group: Group | None) -> bool:
    """Return whether the actor may change the policy of a group (None: the default one), given the permission.

    Not their own, nor that of a group which gives rights that they lack.
    """
    if is_own_policy(actor, group):
        return False
    return group is None or groups_to_give(actor).filter(pk=group.pk).exists()


def merged(rules: Sequence[KeyRule]) -> Allowance:
    """Return the most generous of at least one policy, given all rules."""
    policies = [rule.policy for rule in rules]  # each several times, which makes no difference
    person_budget_usd, person_period = _richest(
        (policy.person_budget_usd, policy.person_budget_period) for policy in policies
    )
    return Allowance(
        max_live_keys=_highest(policy.max_live_keys for policy in policies),
        person_budget_usd=person_budget_usd,
        person_budget_period=person_period,
        course_budget_usd=_course_budget(rules),
        grace_hours=max(policy.grace_hours for policy in policies),
        may_name_interns=any(policy.may_name_interns for policy in policies),
        at_once_usd=_at_once(policies, person_period),
        on_request=tuple(sorted({name for policy in policies for name in policy.on_request})),
        asks_for_any_model=not all(policy.on_request for policy in policies),
        rules={kind: _merged_kind(kind, [rule for rule in rules if rule.kind == kind]) for kind in KeyKind.values},
        names=tuple(sorted({policy.group.name for policy in policies if policy.group})),
    )


def _at_once(policies: Iterable[Policy], period: str) -> Decimal | None:
    """Return the highest amount of the policies whose budget per person has this period, as they are a pair."""
    paired = (policy for policy in policies if policy.person_budget_period == period)
    amounts = (policy.at_once_usd for policy in paired if policy.person_budget_usd is not None)
    return max((usd for usd in amounts if usd is not None), default=None)


def _course_budget(rules: Sequence[KeyRule]) -> Decimal | None:
    """Return the highest budget in all of a course, of the policies that allow courses; of all where none does."""
    of_courses = [rule for rule in rules if rule.kind == KeyKind.COURSE] or rules
    counting = [rule for rule in of_courses if rule.allowed] or of_courses
    budget_usd, _period = _richest((rule.policy.course_budget_usd, BudgetPeriod.MONTH.value) for rule in counting)
    return budget_usd


def _merged_kind(kind: str, rules: Sequence[KeyRule]) -> KeyAllowance:
    """Return the most generous of the rules that allow this kind; a budget and its period stay a pair.

    Where none allows it, the most generous of all applies to existing keys.
    """
    allowing = [rule for rule in rules if rule.allowed]
    counting = allowing or rules or [KeyRule(kind=kind)]
    budget_usd, period = _richest((rule.budget_usd, rule.budget_period) for rule in counting)
    ends = [rule.ends_at for rule in counting]
    return KeyAllowance(
        allowed=bool(allowing),
        max_keys=_highest(rule.max_keys for rule in counting),
        lifetime_days=max(rule.lifetime_days for rule in counting),
        ends_at=None if None in ends else max(end for end in ends if end is not None),
        budget_usd=budget_usd,
        budget_period=period,
        rpm_limit=_highest(rule.rpm_limit for rule in counting),
        tpm_limit=_highest(rule.tpm_limit for rule in counting),
        models=_joined(None if rule.all_models else rule.model_names for rule in counting),
    )


def with_grants(allowance: Allowance, grants: Iterable[Grant]) -> Allowance:
    """Return what the policies give together with the grants.

    An amount is added to the person's budget, and to that of each key: the person's bounds them all. A
    model is added for keys of each kind, except those of courses.
    """
    granted = list(grants)
    if not granted:
        return allowance
    usd = sum((grant.amount_usd or Decimal(0) for grant in granted if grant.thing == Thing.BUDGET), Decimal(0))
    models = tuple(grant.name for grant in granted if grant.thing == Thing.MODEL)
    kinds = {grant.name for grant in granted if grant.thing == Thing.KIND}
    rules = {
        kind: replace(
            rule,
            allowed=rule.allowed or kind in kinds,
            budget_usd=_raised(rule.budget_usd, usd),
            models=_joined([rule.models, models]),
        )
        for kind, rule in allowance.rules.items()
        if kind != KeyKind.COURSE
    }
    rules[KeyKind.COURSE] = allowance.rules[KeyKind.COURSE]
    return replace(
        allowance,
        rules=rules,
        person_budget_usd=_raised(allowance.person_budget_usd, usd),
        before_grants=allowance,
        granted_models=models,
    )


def has_budget(allowance: Allowance) -> bool:
    """Tell whether anything that the person spends has a limit."""
    budgets = [rule.budget_usd for kind, rule in allowance.rules.items() if rule.allowed and kind != KeyKind.COURSE]
    return allowance.person_budget_usd is not None or any(budget is not None for budget in budgets)


def _raised(budget_usd: Decimal | None, usd: Decimal) -> Decimal | None:
    return None if budget_usd is None else min(MOST_USD, budget_usd + usd)


def _highest(limits: Iterable[int | None]) -> int | None:
    """Return the highest limit, or None when one of them is "no limit"."""
    known = list(limits)
    return None if None in known else max(limit for limit in known if limit is not None)


def _richest(budgets: Iterable[Budget]) -> Budget:
    """Return the most generous of at least one budget, with its period."""
    return max(budgets, key=generosity)


def generosity(budget: Budget) -> tuple[bool, Decimal, Decimal]:
    """Return what orders budgets: no limit, then USD a day, then USD at once."""
    usd, period = budget
    if usd is None:
        return (True, Decimal(0), Decimal(0))
    return (False, usd / BudgetPeriod(period).days, usd)


def _joined(lists: Iterable[Iterable[str] | None]) -> tuple[str, ...] | None:
    """Return all names in the lists, sorted; None when one list is None, which means all names."""
    names: set[str] = set()
    for listed in lists:
        if listed is None:
            return None
        names.update(listed)
    return tuple(sorted(names))
