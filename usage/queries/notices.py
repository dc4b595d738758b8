"""The notices about a person's budgets in the current periods."""

from datetime import date
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import GroupSpend, User
from keys.models import Key
from usage.models import Notice
from usage.periods import budget_first_day

PERIODS: Final = ("1d", "7d", "30d")


def current_notices(person: User, today: date) -> QuerySet[Notice]:
    """Return the highest notice about each budget in its current period, dismissed ones too."""
    current = Q(
        key=None, of_person=False, period_first_day=budget_first_day("30d", today)
    )  # the portal's own, and those of groups
    stopping = GroupSpend.objects.stopping().filter(group__user=person).values("group")
    current |= Q(of_person=True, group__in=stopping, period_first_day=budget_first_day("30d", today))
    for period in PERIODS:
        first_day = budget_first_day(period, today)
        of_key = Q(key__state=Key.State.ACTIVE, key__budget_period=period)
        of_person = Q(of_person=True, group=None, person__person_budget__budget_period=period)
        current |= (of_key | of_person) & Q(period_first_day=first_day)
    higher = Notice.objects.filter(
        person=OuterRef("person"), period_first_day=OuterRef("period_first_day"), threshold__gt=OuterRef("threshold")
    )
    of_same_key = Exists(higher.filter(key=OuterRef("key")))
    of_same_group = Exists(higher.filter(group=OuterRef("group"), of_person=OuterRef("of_person")))
    of_same_budget = Exists(higher.filter(key=None, group=None, of_person=OuterRef("of_person")))
    is_highest = Q(key__isnull=False) | Q(group__isnull=False) | ~of_same_budget
    return Notice.objects.filter(current, ~of_same_key, ~of_same_group, is_highest, person=person)
