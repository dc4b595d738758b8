"""Limits and an end that are set for one key, by an admin (ADR 29) or its owner (ADR 45).

Code that applies policies respects them, too.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from accounts.audit import Actor
from accounts.models import AuditAction, AuditOutcome
from accounts.policies import policy_of
from gateway.errors import GatewayError
from keys.identity import is_other_gateway
from keys.models import Key, LimitChange, LimitOverride
from keys.renewal import last_moment_of
from keys.services.apply_policies import bring_up_to_date, find_outdated
from keys.services.key_limits import (
    Limits,
    bounds_of,
    changes_between,
    digest_of,
    lasting_limits,
    limits_of,
    limits_on,
    names_differing,
    overridden,
    override_of,
)
from keys.services.lifetimes import latest_end
from keys.services.refusals import KeyRefused
from keys.services.trail import audit
from web.tasks import ask_worker

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsSet:
    """The changes, as the trail has them, and whether the gateway has them already."""

    changes: Mapping[str, list[Any]]  # field -> [value before, value after]
    has_followed: bool  # False: the next run of `apply_policies` applies them


def set_limits(
    *,
    key: Key,
    actor: Actor,
    limits: Limits,
    expires_at: datetime | None = None,
    reason: str = "",
    as_seen: str | None = None,
    within_policy: bool = False,
) -> LimitsSet:
    """Set these limits and this end on `key` (None: as policies and renewals say), whatever its owner's policies say.

    Limits as the policies have them without grants keep following policies and grants. `as_seen` is the digest of
    what the form showed. With `within_policy`, as for owners of keys, they may not go beyond the policies, nor replace
    what an admin has set, and count only as far as later policies allow it.
    Raises KeyRefused ("limits.changed" if that is no longer so); then nothing has changed.
    If the gateway fails, the next run of `apply_policies` applies the saved limits.
    """
    fresh = LimitOverride(
        expires_at=expires_at, within_policy=within_policy, reason=reason, set_by=actor.user, **limits._asdict()
    )
    try:
        changes = _write(key, actor, fresh, as_seen)
    except KeyRefused as refusal:
        audit(actor, AuditAction.CHANGE, AuditOutcome.REFUSED, key, refusal)
        raise
    if is_other_gateway():
        return LimitsSet(changes=changes, has_followed=False)
    try:
        bring_up_to_date(actor, Key.objects.select_related("owner", "intern").get(pk=key.pk))
    except GatewayError as error:
        logger.warning("limits of a key: the gateway does not have them yet, %s", error)
    return LimitsSet(changes=changes, has_followed=_has_followed(key))


def _has_followed(key: Key) -> bool:
    """Tell whether the gateway has what was set; limits of an expired key otherwise wait for its renewal."""
    allowance = policy_of(key.owner)
    wanted = overridden(limits_of(key.kind, allowance), override_of(key), allowance.granted_models)
    return limits_on(Key.objects.get(pk=key.pk)) == wanted and key.pk not in find_outdated(key.owner).keys


@transaction.atomic
def _write(key: Key, actor: Actor, fresh: LimitOverride, as_seen: str | None) -> dict[str, list[Any]]:
    """Commit the key's limits, and the audit entry; return the changes."""
    locked = Key.objects.select_for_update().get(pk=key.pk)
    _check(locked)
    if locked.owner_id != key.owner_id:  # it was handed over meanwhile
        raise KeyRefused("limits.changed")
    limits, expires_at = Limits(*(getattr(fresh, name) for name in Limits._fields)), fresh.expires_at
    allowance, before = policy_of(key.owner), override_of(locked)
    policy = bounds_of(locked, allowance) if fresh.within_policy else lasting_limits(locked, allowance, None)
    lasting = overridden(policy, before)
    if as_seen is not None and as_seen != digest_of(lasting, before):
        raise KeyRefused("limits.changed")
    values = [(lasting, before and before.expires_at), (limits, expires_at)]
    old, new = ({**each._asdict(), "expires_at": end} for each, end in values)
    changes = changes_between(old, new)
    if not changes:
        raise KeyRefused("limits.same")
    fresh.key, fresh.fields = locked, names_differing(limits, policy)
    if fresh.within_policy:
        _check_bounds(fresh, before, policy, latest_end(locked, allowance.rules[locked.kind]))
    LimitOverride.objects.filter(key=locked).delete()
    if fresh.fields or expires_at:
        fresh.save(force_insert=True)
    audit(actor, AuditAction.CHANGE, AuditOutcome.DONE, key, "limits.set", changes=changes)
    if locked.intern_id:
        LimitChange.objects.create(key=locked, intern_id=locked.intern_id, changed_by=actor.user, changes=changes)
        transaction.on_commit(partial(ask_worker, "keys.mail_limit_changes"), robust=True)
    return changes


def _check(key: Key) -> None:
    if key.kind not in Key.COUNTED_KINDS:
        raise KeyRefused("limits.kind")
    if key.state != Key.State.ACTIVE:
        raise KeyRefused("state.issuing" if key.state == Key.State.ISSUING else "state.deleted")


def check_not_by_admin(override: LimitOverride | None) -> None:
    """Refuse an owner where an admin has set limits for the key."""
    if override is not None and not override.within_policy:
        raise KeyRefused("limits.by_admin")


def _check_bounds(fresh: LimitOverride, before: LimitOverride | None, policy: Limits, latest: datetime) -> None:
    """Refuse what the owner of a key may not set."""
    check_not_by_admin(before)
    wanted = Limits(*(getattr(fresh, name) for name in Limits._fields))
    last = latest if fresh.key.stay_ends_on is None else min(latest, last_moment_of(fresh.key.stay_ends_on))
    if overridden(policy, fresh) != wanted or (fresh.expires_at and fresh.expires_at > last):
        raise KeyRefused("limits.beyond")
