"""Audit entries about requests, and the texts of their codes. Reasons are not in the trail."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.audit_words import add_words
from accounts.models import AccessRequest, AuditAction, AuditObject, AuditOutcome, Grant, KeyKind, Thing
from web.templatetags.portal import day, usd


def audit(actor: Actor, action: AuditAction, request: AccessRequest, grant: Grant | None = None) -> None:
    """Record an action on a request; with the `grant` if one was given. Joins the caller's transaction."""
    about = grant or request
    amount = None if about.amount_usd is None else str(about.amount_usd)
    record(
        actor=actor,
        action=action,
        outcome=AuditOutcome.DONE,
        kind=AuditObject.REQUEST,
        object_id=request.pk,
        subject=request.person,
        code="request.about",
        details={
            "thing": request.thing,
            "name": request.name,
            "amount_usd": amount,
            "ends_on": (grant.ends_on if grant else request.ends_on).isoformat(),
        },
    )


def thing_words(thing: str, name: str, amount_usd: Decimal | None) -> str:
    """Return what is requested or granted, in the active language: "5.00 USD more", "the model small"."""
    if thing == Thing.BUDGET:
        return _("%(amount)s more") % {"amount": usd(amount_usd)}
    if thing == Thing.MODEL:
        return _("the model %(name)s") % {"name": name}
    return _("the Playground") if name == KeyKind.PLAYGROUND else _("personal keys")


def _about(values: Mapping[str, Any]) -> str:
    amount = None if values["amount_usd"] is None else Decimal(values["amount_usd"])
    words = {
        "what": thing_words(values["thing"], values["name"], amount),
        "day": day(date.fromisoformat(values["ends_on"])),
    }
    return _("%(what)s, until %(day)s") % words


add_words({"request.about": _about})
