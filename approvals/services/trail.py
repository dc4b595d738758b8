"""Audit entries about requests. Why somebody asks or is refused is not in the trail."""

from accounts.audit import Actor, record
from accounts.models import AccessRequest, AuditAction, AuditObject, AuditOutcome, Grant


def audit(
    actor: Actor,
    action: AuditAction,
    request: AccessRequest,
    grant: Grant | None = None,
    *,
    code: str = "request.about",
) -> None:
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
        code=code,
        details={
            "thing": request.thing,
            "name": request.name,
            "amount_usd": amount,
            "ends_on": (grant.ends_on if grant else request.ends_on).isoformat(),
        },
    )
