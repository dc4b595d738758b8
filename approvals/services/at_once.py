"""More budget without a decision, within what the person's policy allows in each period of their budget (ADR 32)."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import AccessRequest, AuditAction, Grant, Thing, User
from accounts.policies import Allowance, has_budget, policy_of
from approvals.services.trail import audit
from keys.budget_days import end_of_period, period_first_day, utc_today
from keys.renewal import last_moment_of


def at_once_left_usd(person: User, allowance: Allowance) -> Decimal:
    """Return how much more the person can still get at once in this period. One query, none where the policy has none.

    What an administrator has ended early counts, too: it is not given again.
    """
    if allowance.at_once_usd is None or not has_budget(allowance):
        return Decimal(0)
    first_day = period_first_day(allowance.person_budget_period, utc_today())
    given = Grant.objects.at_once().filter(person=person, created_at__gte=datetime.combine(first_day, time(), UTC))
    given_usd = given.aggregate(usd=Sum("amount_usd"))["usd"] or Decimal(0)
    return max(Decimal(0), allowance.at_once_usd - given_usd)


def give_at_once(
    *, person: User, actor: Actor, amount_usd: Decimal, ends_on: date, why: str, form_id: UUID | None = None
) -> Grant | None:
    """Grant more budget until `ends_on`, or return None where somebody has to decide; `apply_grant` then applies it.

    A form that was sent twice gives once.
    """
    try:
        with transaction.atomic():
            locked = User.objects.select_for_update().get(pk=person.pk)  # two forms cannot exceed the amount together
            allowance = policy_of(locked)
            earlier = Grant.objects.filter(form_id=form_id, person=person).first() if form_id else None
            if earlier or ends_on > end_of_period(allowance) or amount_usd > at_once_left_usd(locked, allowance):
                return earlier
            return _create(locked, actor, amount_usd, ends_on, why, form_id)
    except IntegrityError:  # the id of somebody else's form, or the last minute of the day
        return None


def _create(person: User, actor: Actor, amount_usd: Decimal, ends_on: date, why: str, form_id: UUID | None) -> Grant:
    """Save a request that is approved already, with its grant; no mail, as the page says so at once."""
    now = timezone.now()
    about = {"person": person, "thing": Thing.BUDGET, "amount_usd": amount_usd, "created_at": now}
    request = AccessRequest.objects.create(
        **about, ends_on=ends_on, why=why, state=AccessRequest.State.APPROVED, decided_at=now, mailed_at=now
    )
    grant = Grant.objects.create(**about, request=request, ends_at=last_moment_of(ends_on), form_id=form_id)
    audit(actor, AuditAction.GRANT, request, grant, code="request.at_once")
    return grant
