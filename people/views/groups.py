"""Groups: the list, the page of one, and of the default policy."""

from collections.abc import Sequence
from typing import Any, Final

from django.contrib.auth.models import Group
from django.db.models import Count, Q, Subquery, Value
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from accounts.group_rules import is_mapped
from accounts.models import AuditEntry, AuditEntryQuerySet, AuditObject, KeyKind, KeyRule, Policy, new_rules
from accounts.policies import Allowance, merged, people_under
from keys.models import GatewayModel
from people.group_listing import SEARCH_FROM, days_of_members, group_page, members_of, month_with
from people.listing import page_by_name
from people.services.groups import is_claimable
from people.views.common import require_sight
from people.views.group_common import GroupSubject, group_subject
from usage.models import utc_today
from usage.queries.budgets import month_forecast, read_at
from web.json_list import JsonList, values_in
from web.listing import number_in
from web.pages import render_region
from web.request import PortalRequest

ENTRIES_SHOWN: Final = 20
LONGEST_SEARCH: Final = 100


@require_safe
@gzip_page
def groups(request: PortalRequest) -> HttpResponse:
    """List the groups, the default policy first; `q` in the URL searches their names."""
    access, q = require_sight(request), search_in(request)
    page = group_page(q, number_in(request.GET), access.state, utc_today())
    context = {
        "access": access,
        "here": "people:groups",
        "page": page,
        "q": q,
        "has_search": bool(q) or page.count > SEARCH_FROM,
        "has_groups": bool(q) or page.count > 1,
        "previous": page.previous and _address(q, page.previous),
        "next": page.next and _address(q, page.next),
    }
    return render_region(request, "people/groups.html", "panel", context)


@require_safe
@gzip_page
def group(request: PortalRequest, group_id: int | None = None) -> HttpResponse:
    """Show a group: whom it is for, its policy, its members; without a number the default policy."""
    return render_group(request, group_subject(request, group_id))


def render_group(request: PortalRequest, subject: GroupSubject, *, alert: str = "", status: int = 200) -> HttpResponse:
    """Render the page of a group; `alert` is why an action failed."""
    rules = _rules(subject)
    allowance = _allowance(subject, rules)
    context = {
        "subject": subject,
        "access": subject.access,
        "here": "people:group",
        "allowance": allowance,
        "kinds": [(kind.label, allowance.rules[kind]) for kind in KeyKind],
        "unknown_models": _unknown_models(allowance, rules),
        "entries": _entries(subject),
        "alert": alert,
        **(_of_group(request, subject, subject.group) if subject.group else _of_everybody(rules)),
    }
    return render(request, "people/group.html", context, status=status)


def _of_group(request: PortalRequest, subject: GroupSubject, group: Any) -> dict[str, object]:
    """Return a page of members, and how people join the group."""
    q = search_in(request)
    page = page_by_name(members_of(group), q, number_in(request.GET), utc_today())
    return {
        "group": group,
        **_month(subject, group),
        "q": q,
        "page": page,
        "rights": _rights(group),
        "is_mapped": is_mapped(group),
        "is_claimable": is_claimable(group),
        "previous": page.previous and _address(q, page.previous, group),
        "next": page.next and _address(q, page.next, group),
    }


def _month(subject: GroupSubject, group: Group) -> dict[str, object]:
    """Return what the group has spent this month, and the forecast; nothing for a group without a budget."""
    if subject.policy is None or subject.policy.group_budget_usd is None:
        return {}
    as_of = read_at(subject.access.state)
    days = days_of_members(group, subject.access.state, as_of)
    forecast = month_forecast(days, subject.policy.group_budget_usd, as_of)
    return {"month": month_with(group, forecast.spent_usd, utc_today()), "forecast": forecast}


def _rights(group: Any) -> list[str]:
    """Describe the members' rights on the portal; all of Django's own permissions as one."""
    own, others = [], False
    for permission in values_in(group.rights):
        if permission["codename"].partition("_")[2] == permission["model"]:
            others = True
        else:
            own.append(gettext(permission["name"]))
    return [*sorted(own), *([gettext("pages of Django’s admin")] if others else [])]


def _of_everybody(rules: Sequence[Any]) -> dict[str, object]:
    """Return to how many people the default policy applies."""
    return {"everybody": rules[0].everybody or 0 if rules else people_under(None).count()}


def _rules(subject: GroupSubject) -> list[Any]:
    """Return the rules of the group's policy and of the default one, each with `offered`, the names of all models.

    With `everybody`, the number of people to whom the default policy applies, if that is shown.
    """
    group_id = subject.group.pk if subject.group else None
    models = GatewayModel.objects.order_by().values(one=Value(1)).annotate(all=JsonList("name"))
    people = people_under(None).order_by().values(one=Value(1)).annotate(count=Count("pk"))
    more = {} if subject.group else {"everybody": Subquery(people.values("count"))}
    rules = KeyRule.objects.filter(Q(policy__group=group_id) | Q(policy__group=None)).select_related("policy__group")
    return list(rules.annotate(offered=Subquery(models.values("all")), **more))


def _allowance(subject: GroupSubject, rules: Sequence[KeyRule]) -> Allowance:
    """Return the allowance of a member without other groups."""
    group_id = subject.group.pk if subject.group else None
    own = [rule for rule in rules if rule.policy.group_id == group_id]
    return merged(own or rules or new_rules(Policy()))


def _unknown_models(allowance: Allowance, rules: Sequence[Any]) -> list[str]:
    """Return the names in the policy that no model of the gateway has; none before the models were first read."""
    listed = {name for rule in allowance.rules.values() for name in rule.models or ()} | {*allowance.on_request}
    offered = set(values_in(rules[0].offered)) if rules else set()
    return sorted(listed - offered) if offered else []


def _entries(subject: GroupSubject) -> AuditEntryQuerySet:
    """Return the entries about the group and its policy, newest first."""
    of_policy = {"object_kind": AuditObject.POLICY, "object_id": str(subject.policy.pk if subject.policy else 0)}
    of_group = {"object_kind": AuditObject.GROUP, "object_id": str(subject.group.pk if subject.group else 0)}
    found = AuditEntry.objects.filter(Q(**of_policy) | Q(**of_group))
    return found.select_related("repeats", "actor").order_by("-at", "-id")[:ENTRIES_SHOWN]


def search_in(request: PortalRequest) -> str:
    """Return the search text in the URL."""
    return request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]


def _address(q: str, page: int, group: Group | None = None) -> str:
    there = reverse("people:group", args=[group.pk]) if group else reverse("people:groups")
    params = {name: value for name, value in (("q", q), ("page", page)) if value and value != 1}
    return f"{there}?{urlencode(params)}" if params else there
