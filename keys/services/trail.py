"""Audit entries about a key."""

from functools import partial

from accounts.audit import Act, record, record_repeatable
from accounts.models import AuditAction, AuditOutcome
from gateway.secret import without_addresses
from keys.models import Key
from keys.services.refusals import KeyRefused


def trace(act: Act, action: AuditAction, outcome: AuditOutcome, key: Key, detail: object = "") -> None:
    """Write down that `act` came to `outcome`; joins the caller's transaction.

    What did not succeed, with its refusal or error as `detail`, is written once an hour for each person, action and
    kind, and counted.
    """
    told = str(detail)
    write = partial(
        record,
        act=act,
        action=action,
        outcome=outcome,
        owner=key.owner,
        key_id=key.pk,
        label=key.label,
        on_behalf_of=key.intern_name,
        detail=told if outcome in (AuditOutcome.DONE, AuditOutcome.HEALED) else without_addresses(told),
    )
    if isinstance(detail, Exception):
        code = detail.code if isinstance(detail, KeyRefused) else type(detail).__name__
        if outcome == AuditOutcome.UNKNOWN:  # the key may have changed: its own history says so
            code = str(key.pk)
        record_repeatable(write, act=act, action=action, outcome=outcome, owner=key.owner, code=code)
    else:
        write()
