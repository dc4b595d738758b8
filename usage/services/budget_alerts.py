"""Warns people that 80 % (of a group: what its policy says), then all, of a budget is spent.

One notice and one e-mail a budget's period and threshold.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from accounts.delivery import MailServerUnavailable, claim, send_each
from accounts.events import person_data, publish
from accounts.locale import reading_as
from accounts.mail_choices import MailKind, deliver_to, wants
from accounts.mails import compose
from accounts.models import BudgetPeriod, GroupSpend, User, WebhookEvent
from accounts.rights import people_with
from keys.budget_days import next_period_day
from keys.models import Key, PersonBudget
from keys.services.rounds import each
from usage.models import DayModel, DayToken, Notice, utc_today
from usage.periods import budget_first_day
from usage.queries.key_use import people_spent
from usage.services.group_budgets import measure_groups

THRESHOLDS: Final = (100, 80)  # percent, highest first: people past both get the first only
PERMISSION: Final = "usage.view_everyone"  # of people who are warned about the portal's own budget
OF_GROUPS: Final = "accounts.manage_policies"  # and about those of groups
MAIL_TRIES: Final = timedelta(days=3)  # after it a mail that could not be sent is outdated


@dataclass(frozen=True, slots=True, kw_only=True)
class _Budget:
    """The spend of a budget since its last reset; no key: a person's, or of a month a group's or the portal's."""

    key: Key | None = None
    of_person: bool = False
    group: Group | None = None
    thresholds: tuple[int, ...] = THRESHOLDS
    first_day: date
    spent_usd: Decimal
    budget_usd: Decimal


def warn_of_budgets() -> int:
    """Create the notices that are due and send unsent ones; return how many e-mails went out."""
    today = utc_today()
    each(_notify_owner, _budgets_of_keys(today))
    for person, budget in _budgets_of_people(today):
        _notify(person, budget)
    for budget in _budget_of_portal(today):
        for person in people_with(PERMISSION):
            _notify(person, budget)
    for budget in _budgets_of_groups():
        for person in people_with(OF_GROUPS):
            _notify(person, budget)
        for person in _stopped_by(budget):
            _notify(person, replace(budget, of_person=True))
    unsent = Notice.objects.filter(mailed_at=None, made_at__gt=timezone.now() - MAIL_TRIES, person__is_active=True)
    return send_each(unsent.exclude(person__email="").select_related("person", "key", "group"), _send)


def _budgets_of_keys(today: date) -> Iterator[_Budget]:
    """Yield the budgets of keys at a threshold; not those with reset times that only the gateway knows,

    nor those of keys which their owner's budget for all keys stops first: then the mail is about that.
    """
    budgeted = Key.objects.filter(state=Key.State.ACTIVE, budget_usd__gt=0)
    for period in budgeted.order_by().values_list("budget_period", flat=True).distinct():
        first_day = budget_first_day(period, today)
        if first_day is None:
            continue
        stops_first = PersonBudget.objects.filter(
            owner=OuterRef("owner"), budget_period=period, budget_usd__lte=OuterRef("budget_usd")
        )
        keys = budgeted.filter(~Exists(stops_first) | Q(kind=Key.Kind.EXTERNAL), budget_period=period)
        spent = _spent_since(first_day, keys)
        reached = [pk for pk, usd in keys.values_list("pk", "budget_usd") if _threshold(spent.get(pk), usd)]
        for key in keys.filter(pk__in=reached).select_related("owner"):
            yield _Budget(
                key=key, first_day=first_day, spent_usd=spent[key.pk], budget_usd=key.budget_usd or Decimal(0)
            )


def _spent_since(first_day: date, keys: QuerySet[Key]) -> dict[object, Decimal]:
    """Return each key's spend since this day, over all its tokens."""
    days = DayToken.objects.filter(day__gte=first_day, token_ref__key__in=keys.order_by().values("pk"))
    sums = days.order_by().values("token_ref__key").annotate(sum_usd=Sum("spend_usd"))
    return dict(sums.values_list("token_ref__key", "sum_usd"))


def _budgets_of_people(today: date) -> Iterator[tuple[User, _Budget]]:
    """Yield people whose budget for all keys is at a threshold."""
    for row, spent in people_spent(today):
        if _threshold(spent.spent_usd, spent.budget_usd) and row.owner.is_active:
            yield (
                row.owner,
                _Budget(
                    key=None,
                    of_person=True,
                    first_day=budget_first_day(row.budget_period, today) or today,
                    spent_usd=spent.spent_usd or Decimal(0),
                    budget_usd=spent.budget_usd or Decimal(0),
                ),
            )


def _budget_of_portal(today: date) -> Iterator[_Budget]:
    """Yield the portal's monthly budget, if there is one."""
    if settings.PORTAL_BUDGET_USD:
        first_day = today.replace(day=1)
        spent = DayModel.objects.filter(day__gte=first_day).aggregate(usd=Sum("spend_usd"))["usd"] or Decimal(0)
        yield _Budget(first_day=first_day, spent_usd=spent, budget_usd=settings.PORTAL_BUDGET_USD)


def _budgets_of_groups() -> Iterator[_Budget]:
    """Yield the monthly budgets of groups that are at a threshold."""
    for row in measure_groups():
        policy = row.group.policy
        thresholds = (100, policy.group_warn_percent)
        if _threshold(row.spent_usd, policy.group_budget_usd, thresholds):
            yield _Budget(
                group=row.group,
                thresholds=thresholds,
                first_day=row.first_day,
                spent_usd=row.spent_usd,
                budget_usd=policy.group_budget_usd,
            )


def _stopped_by(budget: _Budget) -> QuerySet[User]:
    """Return the members whose keys the group stops now; not those who are warned of its budget anyway."""
    stopping = GroupSpend.objects.stopping().filter(group=budget.group)
    keys = Key.objects.of_people().filter(owner=OuterRef("pk"), state=Key.State.ACTIVE)
    members = User.objects.filter(Exists(stopping), groups=budget.group, is_active=True)
    stopped = members.filter(Exists(keys.exclude(kind=Key.Kind.EXTERNAL)))
    return stopped.exclude(pk__in=people_with(OF_GROUPS).values("pk"))


def _threshold(spent_usd: Decimal | None, budget_usd: Decimal | None, thresholds: tuple[int, ...] = THRESHOLDS) -> int:
    """Return the highest threshold that is reached; 0 for none."""
    if not spent_usd or not budget_usd:
        return 0
    return next((percent for percent in thresholds if spent_usd * 100 >= budget_usd * percent), 0)


def _notify_owner(budget: _Budget) -> None:
    if budget.key:
        _notify(budget.key.owner, budget)


def _notify(person: User, budget: _Budget) -> None:
    """Create the notice that is due, unless this person has one of this period: of a warning any, else of all of it."""
    percent = _threshold(budget.spent_usd, budget.budget_usd, budget.thresholds)
    about = {
        "person": person,
        "key": budget.key,
        "of_person": budget.of_person,
        "group": budget.group,
        "period_first_day": budget.first_day,
    }
    if not percent or Notice.objects.filter(**about, threshold__gte=100 if percent >= 100 else 1).exists():
        return
    with transaction.atomic():
        notice, is_new = Notice.objects.get_or_create(  # another worker may have created it meanwhile
            **about,
            threshold=percent,
            defaults={"spent_usd": budget.spent_usd, "budget_usd": budget.budget_usd},
        )
        if is_new:
            _publish(notice)


def _publish(notice: Notice) -> None:
    """Send webhooks a message about a budget; of a group or the portal one, though several people have a notice."""
    whose = f"person {notice.person_id}" if notice.of_person else "portal"
    if notice.group:
        whose = f"group {notice.group_id}"
    data = {
        "key": notice.key and {"id": str(notice.key_id), "name": notice.key.label},
        "group": notice.group and notice.group.name,
        "person": person_data(notice.person) if notice.key or whose.startswith("person") else None,
        "of": "key" if notice.key else whose.split()[0],
        "percent": notice.threshold,
        "spent_usd": str(notice.spent_usd),
        "budget_usd": str(notice.budget_usd),
        "period_first_day": notice.period_first_day.isoformat(),
    }
    about = f"key {notice.key_id}" if notice.key else whose
    name = f"budget {about} {notice.period_first_day} {notice.threshold}"
    publish(WebhookEvent.BUDGET_REACHED, data, name=name, person=notice.person if data["person"] else None)


def _send(notice: Notice) -> bool:
    """Write one mail, unless another run has, or is about to; where it is not wanted, it is done."""
    row = Notice.objects.filter(pk=notice.pk)
    if not claim(row.filter(mailed_at=None), "mail_claimed_at"):
        return False
    if not wants(notice.person, MailKind.BUDGET):
        row.update(mail_claimed_at=None, mailed_at=timezone.now())
        return False
    person, more = notice.person, {"notice": notice, "key": notice.key, "portal_url": settings.PORTAL_URL}
    name = "group_stopped" if notice.group and notice.of_person else "budget"
    if name == "group_stopped":
        more["next_day"] = next_period_day(BudgetPeriod.MONTH, notice.period_first_day)
    elif notice.of_person:
        more["period"] = PersonBudget.objects.filter(owner=person).values_list("budget_period", flat=True).first()
    with reading_as(person):
        subject, body = f"usage/mail/{name}_subject.txt", f"usage/mail/{name}.txt"
        message = compose(subject, body, to=person.email, context={**more, "name": person.display_name})
    try:
        sent = deliver_to(person, MailKind.BUDGET, message, name=f"notice-{notice.pk}")
    except MailServerUnavailable:
        row.update(mail_claimed_at=None)
        raise
    row.update(mail_claimed_at=None, mailed_at=timezone.now() if sent else None)
    return sent
