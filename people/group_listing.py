"""The list of groups: members, policies, spend. Few queries, however many groups."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Final

from django.contrib.auth.models import Group
from django.db.models import OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import JSONArray

from accounts.group_rules import is_mapped, with_origins
from accounts.models import BudgetPeriod, KeyKind, KeyRule, Policy, User, new_rules
from accounts.names import name_order
from accounts.policies import Allowance, merged, people_under
from keys.use import Spent
from people.listing import DEFAULT_ORDER, SPENT_TTL_S, Filters, Known, cached, found_people, in_steps
from people.services.groups import is_claimable
from usage.forecast import Spend
from usage.models import DayGroup, DayToken, UsageState
from usage.periods import next_month
from usage.queries.budgets import Budget, days_of_danger, group_days
from web.json_list import JsonList, values_in
from web.listing import ListedPage, number_within
from web.money import STEP

GROUPS_PER_PAGE: Final = 25
SEARCH_FROM: Final = 10  # groups; fewer need no search
DEFAULT: Final = 0  # the id of no group


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedGroup:
    """A group in the list; without `group` the default policy, with the people to whom it applies."""

    group: Group | None
    allowance: Allowance  # of a member without other groups
    has_policy: bool  # of its own
    members: int
    month: Spent  # by all members since the first of the month; with the group's budget, if it has one
    gives_rights: bool = False
    is_mapped: bool = False  # the institution's sign-in gives it
    is_claimable: bool = False  # the institution's sign-in may give it

    @property
    def kinds(self) -> list[str]:
        """The allowed kinds of key."""
        return [str(kind.label) for kind in KeyKind if self.allowance.rules[kind].allowed]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPage(ListedPage):
    """One page of the list."""

    PER_PAGE: ClassVar = GROUPS_PER_PAGE

    groups: tuple[ListedGroup, ...]


def group_page(q: str, number: int, state: UsageState, today: date) -> GroupPage:
    """Return a page of the default policy and the groups with `q` in their names; the last if the number is too high.

    Four queries, one of them cached.
    """
    found = _listed_groups(q, state, today)
    number = number_within(number, len(found), GROUPS_PER_PAGE)
    groups = _with_danger(found[(number - 1) * GROUPS_PER_PAGE : number * GROUPS_PER_PAGE], state)
    return GroupPage(groups=tuple(groups), number=number, count=len(found))


def _with_danger(groups: list[ListedGroup], state: UsageState) -> list[ListedGroup]:
    """Add the days on which budgets will be used up; at most one query."""
    months = [(each.group.pk, each.month) for each in groups if each.group]
    budgets = [Budget(pk, month.budget_usd, "30d", month.spent_usd) for pk, month in months]
    ends = days_of_danger(budgets, DayGroup.objects.all(), "group_number", state)
    return [
        replace(each, month=replace(each.month, used_up_on=ends.get(each.group.pk))) if each.group else each
        for each in groups
    ]


def _listed_groups(q: str, state: UsageState, today: date) -> list[ListedGroup]:
    """Return the default policy, and the groups with `q` in their names, by name."""
    rules: dict[int | None, list[KeyRule]] = defaultdict(list)
    for rule in KeyRule.objects.select_related("policy__group"):
        rules[rule.policy.group_id].append(rule)
    default = merged(rules.get(None) or new_rules(Policy()))
    members, spent = _members(), _month_spent(state, today)
    others = members[DEFAULT]
    first = ListedGroup(
        group=None,
        allowance=default,
        has_policy=True,
        members=len(others),
        month=_month(None, _sum(spent, others), today),
    )
    found = [
        ListedGroup(
            group=group,
            allowance=merged(rules[group.pk]) if group.pk in rules else default,
            has_policy=group.pk in rules,
            members=len(members[group.pk]),
            month=_month(policy_in(group), _sum(spent, members[group.pk]), today),
            gives_rights=group.gives_rights,
            is_mapped=is_mapped(group),
            is_claimable=is_claimable(group),
        )
        for group in _found(q)
    ]
    return [*([] if q else [first]), *found]


def policy_in(group: Any) -> Policy | None:
    """Return the group's own policy, if it has one; no query where it was read with it."""
    return getattr(group, "policy", None)


def with_members(groups: QuerySet[Any]) -> QuerySet[Any]:
    """Add `members` to groups, for `members_of`."""
    rows = JSONArray("pk", "username", "first_name", "last_name", "email")
    people = User.objects.filter(groups=OuterRef("pk"), anonymised_at=None).order_by().values(one=Value(1))
    with_rows: QuerySet[Any] = groups.annotate(members=Subquery(people.annotate(all=JsonList(rows)).values("all")))
    return with_rows


def members_of(group: Any) -> list[list[Any]]:
    """Return the id, the user name, first and last name, and the address of each member; no query."""
    return values_in(group.members)


def month_of(group: Any, state: UsageState, today: date) -> Spent:
    """Return what the members have spent since the first of the month, and the budget; a cached query."""
    spent_usd = _sum(_month_spent(state, today), (row[0] for row in members_of(group)))
    return month_with(group, spent_usd, today)


def days_of_members(group: Any, state: UsageState, as_of: datetime) -> Spend:
    """Return what the present members have spent by day, as a forecast of the month needs it; a cached query."""
    members = sorted(row[0] for row in members_of(group))
    name = f"group-days:{state.version}:{as_of.date()}:{group.pk}:{hash(tuple(members))}"
    found: Spend = cached({"days": (name, SPENT_TTL_S, partial(group_days, members, as_of))})["days"]
    return found


def month_with(group: Any, spent_usd: Decimal, today: date) -> Spent:
    """Return this spend of the members since the first of the month, and the budget."""
    return _month(policy_in(group), spent_usd, today)


def _month(policy: Policy | None, spent_usd: Decimal, today: date) -> Spent:
    budget_usd, percent = (policy.group_budget_usd, policy.group_warn_percent) if policy else (None, 80)
    return Spent(
        budget_usd=budget_usd,
        budget_period=BudgetPeriod.MONTH,
        spent_usd=spent_usd,
        resets_on=next_month(today),
        warn_share=Decimal(percent) / 100,
    )


def _members() -> dict[int, list[int]]:
    """Return the members of each group, and as DEFAULT those to whom the default policy applies."""
    in_groups = User.groups.through.objects.filter(user__anonymised_at=None).values_list("group_id", "user_id")
    others = people_under(None).order_by().values_list(Value(DEFAULT), "pk")
    members: dict[int, list[int]] = defaultdict(list)
    for group_id, user_id in in_groups.union(others, all=True):
        members[group_id].append(user_id)
    return members


def _found(q: str) -> list[Any]:
    words = name_order(q).split()
    found = [
        group
        for group in with_origins(Group.objects.select_related("policy", "cost_centre"))
        if all(word in name_order(group.name) for word in words)
    ]
    return sorted(found, key=lambda group: (name_order(group.name), group.pk))


def _month_spent(state: UsageState, today: date) -> dict[int, int]:
    """Return each person's spend since the first of the month, by id, in steps of the database."""
    name = f"people-month:{state.version}:{today}"
    found: dict[int, int] = cached({"spent": (name, SPENT_TTL_S, partial(_spent_since, today.replace(day=1)))})["spent"]
    return found


def _spent_since(first: date) -> dict[int, int]:
    days = DayToken.objects.filter(day__gte=first, token_ref__owner__isnull=False).order_by()
    sums = days.values("token_ref__owner").annotate(usd=Sum("spend_usd")).values_list("token_ref__owner", "usd")
    return {owner: in_steps(usd) for owner, usd in sums}


def _sum(spent: dict[int, int], people: Iterable[int]) -> Decimal:
    return sum(spent.get(person, 0) for person in people) * STEP


def people_to_add(q: str, group: Group, today: date, *, most: int) -> list[User]:
    """Return people outside of the group, by a search as on the list of people: `most`, by name."""
    nothing_known = Known(supervisors=(), spent={}, last_days={})
    members = set(group.user_set.values_list("pk", flat=True))
    ids = [pk for pk in found_people(Filters(q=q), DEFAULT_ORDER, nothing_known, today) if pk not in members][:most]
    people = User.objects.in_bulk(ids)
    return [people[pk] for pk in ids if pk in people]
