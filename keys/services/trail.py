"""Audit entries about a key."""

from accounts.audit import Act, record
from accounts.models import AuditAction, AuditOutcome
from gateway.secret import without_addresses
from keys.models import Key


def trace(act: Act, action: AuditAction, outcome: AuditOutcome, key: Key, detail: object = "") -> None:
    """Write down that `act` came to `outcome`; joins the caller's transaction."""
    told = str(detail)
    record(
        act=act,
        action=action,
        outcome=outcome,
        owner=key.owner,
        key_id=key.pk,
        label=key.label,
        on_behalf_of=key.intern_name,
        detail=told if outcome in (AuditOutcome.DONE, AuditOutcome.HEALED) else without_addresses(told),
    )
