"""Request, withdraw, approve, refuse: each changes a row once, also with concurrent requests."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor
from accounts.models import AccessRequest, AuditAction, BudgetPeriod, Grant, Thing, User
from accounts.policies import policy_of
from approvals.services.trail import audit
from courses.services import Size, course_id_in, grow_course
from keys.renewal import last_moment_of
from keys.services import KeyRefused

State = AccessRequest.State


class RequestRefused(Exception):
    """A rule forbids this; the text is for the person, and nothing has changed."""


def ask(
    *,
    person: User,
    actor: Actor,
    thing: str,
    name: str = "",
    amount_usd: Decimal | None = None,
    ends_on: date,
    why: str,
    details: Mapping[str, Any] | None = None,
) -> tuple[AccessRequest, bool]:
    """Save a request, and tell whether it is new: an open one for the same thing is reused."""
    same = AccessRequest.objects.of(person).filter(thing=thing, name=name, state=State.OPEN)
    about: dict[str, Any] = {"thing": thing, "name": name, "amount_usd": amount_usd, "ends_on": ends_on, "why": why}
    about["details"] = dict(details or {})
    if found := same.first():
        return found, False
    try:
        with transaction.atomic():
            request = AccessRequest.objects.create(person=person, **about)
            audit(actor, AuditAction.ISSUE, request)
    except IntegrityError:  # another tab was faster: accounts_one_open_request
        if found := same.first():
            return found, False
        raise
    return request, True


@transaction.atomic
def withdraw(*, request: AccessRequest, actor: Actor) -> None:
    """Withdraw a request. Raises RequestRefused where it is decided, or withdrawn already."""
    _close(request, State.WITHDRAWN)
    audit(actor, AuditAction.TAKE_BACK, request)


@transaction.atomic
def refuse(*, request: AccessRequest, actor: Actor, reason: str) -> None:
    """Refuse a request, with a reason. Raises RequestRefused where it is closed already."""
    _close(request, State.REFUSED, decided_by=actor.user, decided_at=timezone.now(), reason=reason)
    audit(actor, AuditAction.REFUSE, request)


def approve(
    *, request: AccessRequest, actor: Actor, amount_usd: Decimal | None = None, ends_on: date, reason: str = ""
) -> Grant:
    """Grant a request, with another amount or end if the decider chose one; `applied_at` is still empty.

    Raises RequestRefused where it is closed already, where the account is inactive, and where a supervisor would give
    more than they have: then the request waits for somebody with the permission.
    """
    amount = {Thing.BUDGET: amount_usd, Thing.COURSE: request.amount_usd}.get(Thing(request.thing))
    if not request.person.is_active:
        name = request.person.display_name
        raise RequestRefused(_("The account of %(name)s is inactive: nothing can be granted.") % {"name": name})
    if actor.user and (beyond := _beyond_own(actor.user, request, amount)):
        AccessRequest.objects.filter(pk=request.pk, state=State.OPEN).update(is_passed_on=True)
        passed_on = _("The request waits for an administrator now.")
        raise RequestRefused(f"{beyond} {passed_on}")
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
        if "ends_at" in request.details:
            _grow(request, grant, actor)
    return grant


def _grow(request: AccessRequest, grant: Grant, actor: Actor) -> None:
    """Give the running course of a request what is granted, until the end of the grant. Raises RequestRefused."""
    ends_at = min(datetime.fromisoformat(request.details["ends_at"]), grant.ends_at)
    size = Size.from_json(request.details)
    try:
        grow_course(course_id=course_id_in(request.name), size=size, ends_at=ends_at, actor=actor)
    except KeyRefused as refusal:
        raise RequestRefused(str(refusal)) from refusal


def _close(request: AccessRequest, state: State, **decision: object) -> None:
    """Close an open request, by one conditional update: a second decision finds no open row."""
    if AccessRequest.objects.filter(pk=request.pk, state=State.OPEN).update(state=state, **decision):
        request.refresh_from_db(fields=["state", "decided_by", "decided_at", "reason"])
        return
    request.refresh_from_db(fields=["state", "decided_by", "decided_at", "reason"])
    raise RequestRefused(already(request))


def already(request: AccessRequest) -> str:
    """Explain what happened to a request that is no longer open."""
    who = request.decided_by.display_name if request.decided_by else _("the portal")
    if request.state == State.APPROVED:
        return _("Nothing changed: %(who)s has already approved this request.") % {"who": who}
    if request.state == State.REFUSED:
        return _("Nothing changed: %(who)s has already refused this request.") % {"who": who}
    return _("Nothing changed: this request was withdrawn.")


def _beyond_own(decider: User, request: AccessRequest, amount_usd: Decimal | None) -> str:
    """Return why a supervisor may not give this: they would give more than they have; "" where they may.

    People with the permission decide for everybody.
    """
    if decider.has_perm("accounts.decide_requests"):
        return ""
    own = policy_of(decider)
    if request.thing == Thing.MODEL and own.models is not None and request.name not in own.models:
        return _("You may not call this model yourself.")
    if request.thing == Thing.COURSE:
        return _("Only people who decide all requests can grant a larger course.")
    if request.thing == Thing.KIND and not own.rules[request.name].allowed:
        return _("You may not have such keys yourself.")
    if amount_usd is None or own.person_budget_usd is None:
        return ""
    theirs = policy_of(request.person)  # with earlier grants
    if theirs.person_budget_usd is None:
        beyond = amount_usd > own.person_budget_usd
    else:
        a_day = (theirs.person_budget_usd + amount_usd) / BudgetPeriod(theirs.person_budget_period).days
        beyond = a_day > own.person_budget_usd / BudgetPeriod(own.person_budget_period).days
    return _("With it they could spend more than you can.") if beyond else ""
