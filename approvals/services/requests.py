"""Ask, withdraw, approve, refuse: each a row that changes once, whoever is faster."""

from datetime import date
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor
from accounts.models import AccessRequest, AuditAction, Grant, Thing, User
from accounts.policies import policy_of
from approvals.services.trail import audit
from keys.renewal import last_moment_of

State = AccessRequest.State


class RequestRefused(Exception):
    """A rule of ours, worded for the person; nothing has changed."""


def ask(
    *,
    person: User,
    actor: Actor,
    thing: str,
    name: str = "",
    amount_usd: Decimal | None = None,
    ends_on: date,
    why: str,
) -> tuple[AccessRequest, bool]:
    """Save a request, and tell whether it is new: the same that is open already is the one there is."""
    same = AccessRequest.objects.of(person).filter(thing=thing, name=name, state=State.OPEN)
    about = {"thing": thing, "name": name, "amount_usd": amount_usd, "ends_on": ends_on, "why": why}
    if found := same.first():
        return found, False
    try:
        with transaction.atomic():
            request = AccessRequest.objects.create(person=person, **about)
            audit(actor, AuditAction.ISSUE, request)
    except IntegrityError:  # another tab was faster: accounts_one_open_request
        return same.get(), False
    return request, True


@transaction.atomic
def withdraw(*, request: AccessRequest, actor: Actor) -> None:
    """Take a request back. Raises RequestRefused where it is decided, or withdrawn already."""
    _close(request, State.WITHDRAWN)
    audit(actor, AuditAction.TAKE_BACK, request)


@transaction.atomic
def refuse(*, request: AccessRequest, actor: Actor, reason: str) -> None:
    """Refuse a request, with a reason. Raises RequestRefused where somebody was faster."""
    _close(request, State.REFUSED, decided_by=actor.user, decided_at=timezone.now(), reason=reason)
    audit(actor, AuditAction.REFUSE, request)


def approve(
    *, request: AccessRequest, actor: Actor, amount_usd: Decimal | None = None, ends_on: date, reason: str = ""
) -> Grant:
    """Grant what is asked for, with another amount or end where the decider says so; `applied_at` is still empty.

    Raises RequestRefused where somebody was faster, and where whoever decides gives more than they have.
    """
    amount = amount_usd if request.thing == Thing.BUDGET else None
    if actor.user:
        _check_own(actor.user, request, amount)
    now, ends_at = timezone.now(), last_moment_of(ends_on)
    if ends_at <= now:
        raise RequestRefused(_("This day is over. Choose a later one."))
    with transaction.atomic():
        _close(request, State.APPROVED, decided_by=actor.user, decided_at=now, reason=reason)
        grant = Grant.objects.create(
            person=request.person,
            request=request,
            thing=request.thing,
            name=request.name,
            amount_usd=amount,
            created_at=now,
            ends_at=ends_at,
        )
        audit(actor, AuditAction.APPROVE, request, grant)
    return grant


def _close(request: AccessRequest, state: State, **decision: object) -> None:
    """Let an open request come to its end, by one conditional update: a second decision finds no open row."""
    if AccessRequest.objects.filter(pk=request.pk, state=State.OPEN).update(state=state, **decision):
        request.refresh_from_db(fields=["state", "decided_by", "decided_at", "reason"])
        return
    request.refresh_from_db(fields=["state", "decided_by", "decided_at", "reason"])
    raise RequestRefused(already(request))


def already(request: AccessRequest) -> str:
    """Say what became of a request that is no longer open."""
    who = request.decided_by.display_name if request.decided_by else _("the portal")
    if request.state == State.APPROVED:
        return _("Nothing changed: %(who)s has already approved this request.") % {"who": who}
    if request.state == State.REFUSED:
        return _("Nothing changed: %(who)s has already refused this request.") % {"who": who}
    return _("Nothing changed: this request was withdrawn.")


def _check_own(decider: User, request: AccessRequest, amount_usd: Decimal | None) -> None:
    """Refuse a supervisor who gives more than they have; whoever has the permission decides for everybody."""
    if decider.has_perm("accounts.decide_requests"):
        return
    own = policy_of(decider)
    if amount_usd is not None and own.person_budget_usd is not None and amount_usd > own.person_budget_usd:
        raise RequestRefused(_("This is more than your own budget. An administrator can approve it."))
    if request.thing == Thing.MODEL and own.models is not None and request.name not in own.models:
        raise RequestRefused(_("You may not call this model yourself. An administrator can approve it."))
    if request.thing == Thing.KIND and not own.rules[request.name].allowed:
        raise RequestRefused(_("You may not have such keys yourself. An administrator can approve it."))
