"""Measures what groups with a monthly budget have spent: the present members, with all their keys (ADR 32)."""

from django.contrib.auth.models import Group
from django.db.models import Sum

from accounts.models import GroupSpend, User
from accounts.models.group_spend import month_first_day
from usage.models import DayToken


def measure_groups() -> list[GroupSpend]:
    """Write the spend of this month of each group with a budget, and return these rows; one grouped query.

    Somebody in two groups counts in both. Idempotent.
    """
    budgeted = Group.objects.filter(policy__group_budget_usd__isnull=False).select_related("policy")
    groups = {group.pk: group for group in budgeted}
    if not groups:
        return []
    first_day = month_first_day()
    days = DayToken.objects.filter(day__gte=first_day, token_ref__owner__groups__in=groups).order_by()
    sums = days.values("token_ref__owner__groups").annotate(usd=Sum("spend_usd"))
    spent = dict(sums.values_list("token_ref__owner__groups", "usd"))
    rows = [GroupSpend(group=group, first_day=first_day, spent_usd=spent.get(pk, 0)) for pk, group in groups.items()]
    changing = ["first_day", "spent_usd"]
    return GroupSpend.objects.bulk_create(rows, update_conflicts=True, unique_fields=["group"], update_fields=changing)


def stopped_people() -> set[int]:
    """Return the members of groups that have used up their budget, and whose policy stops their keys."""
    return set(
        User.groups.through.objects.filter(group__spend__in=GroupSpend.objects.stopping()).values_list(
            "user", flat=True
        )
    )
