"""More budget without a decision, within what the person's policy allows in each period of their budget (ADR 32)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.db.models import Q, Sum
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import AccessRequest, AuditAction, Grant, Thing, User
from accounts.policies import Allowance, policy_of
from approvals.services.trail import audit
from keys.budget_days import end_of_period, period_bounds
from keys.renewal import last_moment_of


def at_once_left_usd(person: User, allowance: Allowance) -> Decimal:
    """Return how much more the person can still get at once in this period. One query, none where the policy has none.

    What an administrator has ended early counts, too: it is not given again. So does what was granted in an earlier
    period and still runs, as the person had a budget by month before.
    """
    if allowance.at_once_usd is None or allowance.person_budget_usd is None:
        return Decimal(0)
    begins, _ends = period_bounds(allowance.person_budget_period)
    given = Grant.objects.at_once().filter(Q(created_at__gte=begins) | Q(ends_at__gt=begins), person=person)
    given_usd = given.aggregate(usd=Sum("amount_usd"))["usd"] or Decimal(0)
    return max(Decimal(0), allowance.at_once_usd - given_usd)


def give_at_once(
    *, person: User, actor: Actor, amount_usd: Decimal, ends_on: date, why: str, form_id: UUID | None = None
) -> Grant | None:
    """Grant more budget until `ends_on`, or return None where somebody has to decide; `apply_grant` then applies it.

    A form that was sent twice gives once; with other values it is another request.
    """
    sent = uuid5(form_id, f"{amount_usd:.2f} {ends_on} {why}") if form_id else None
    try:
        with transaction.atomic():
            locked = User.objects.select_for_update().get(pk=person.pk)  # two forms cannot exceed the amount together
            allowance = policy_of(locked)
            earlier = Grant.objects.filter(form_id=sent, person=person).first() if sent else None
            if earlier or ends_on > end_of_period(allowance) or amount_usd > at_once_left_usd(locked, allowance):
                return earlier
            _begins, period_ends = period_bounds(allowance.person_budget_period)
            ends_at = min(last_moment_of(ends_on), period_ends)  # not on top of what the next period gives
            request = _approved(locked, amount_usd=amount_usd, ends_on=ends_on, why=why)
            return _create(request, actor, ends_at, sent)
    except IntegrityError:  # the id of somebody else's form, or the last minute of the day
        return None


def _approved(person: User, **about: Any) -> AccessRequest:
    """Save a request that is approved already; no mail, as the page says so at once."""
    now = timezone.now()
    dates = {"created_at": now, "decided_at": now, "mailed_at": now}
    return AccessRequest.objects.create(
        person=person, thing=Thing.BUDGET, state=AccessRequest.State.APPROVED, **dates, **about
    )


def _create(request: AccessRequest, actor: Actor, ends_at: datetime, form_id: UUID | None) -> Grant:
    about = {name: getattr(request, name) for name in ("person", "thing", "amount_usd", "created_at")}
    grant = Grant.objects.create(**about, request=request, ends_at=ends_at, form_id=form_id)
    audit(actor, AuditAction.GRANT, request, grant, code="request.at_once")
    return grant
