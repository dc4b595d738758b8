"""Change the last day of an intern's stay; the ends of their keys at the gateway follow."""

from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.audit import BY_THE_PORTAL, Actor
from accounts.models import AuditAction, AuditOutcome
from accounts.policies import policy_of
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayNotFound, GatewayUnavailable
from keys.models import Intern, Key, Token
from keys.renewal import last_moment_of
from keys.services.claim import claim, release
from keys.services.delete import mark_gone
from keys.services.key_limits import override_of
from keys.services.lifetimes import as_duration, latest_end
from keys.services.refusals import KeyRefused
from keys.services.renew import check_policy, record_end
from keys.services.trail import audit, audit_intern

EXACT = timedelta(minutes=2)  # smaller differences of an end are ignored


def change_stay(*, intern: Intern, ends_on: date | None, actor: Actor) -> Intern:
    """Set the last day (None: none) of an intern's stay.

    Their keys end with the stay, but no later than the lifetime of the policy, counted from when their present
    one began; so a later day alone renews nothing. An earlier day is recorded first: if the gateway fails, the
    sweep applies it to the keys. A later day is recorded when all keys have it: if the gateway fails, the day
    stays, and the sweep resets the keys to it. Raises KeyRefused, GatewayUnavailable or GatewayRejected.
    """
    keys = Key.objects.filter(intern=intern, state=Key.State.ACTIVE).select_related("owner", "intern")
    ends = {key: _end_with(key, ends_on) for key in keys.prefetch_related("tokens").order_by("created_at")}
    earlier = is_earlier(ends_on, than=intern.stay_ends_on)
    try:
        for key, end in ends.items():
            if end and (key.expires_at is None or end > key.expires_at):
                check_policy(key, policy_of(key.owner))
    except KeyRefused as refusal:
        audit_intern(actor, AuditAction.STAY, AuditOutcome.REFUSED, intern, refusal)
        raise
    if earlier:
        _write_day(intern, ends_on, actor)
    _set_ends({key: end for key, end in ends.items() if end}, actor)
    if not earlier:
        _write_day(intern, ends_on, actor)
    return Intern.objects.get(pk=intern.pk)


def is_earlier(ends_on: date | None, *, than: date | None) -> bool:
    """Tell whether a stay ends earlier with the day `ends_on` than with `than` (None: no end)."""
    return ends_on is not None and (than is None or ends_on < than)


def end_with_stay(key: Key) -> bool:
    """Shorten a key that would outlive the stay of its intern; for the sweep. Idempotent."""
    if key.stay_ends_on is None:
        return False
    _set_end(key, last_moment_of(key.stay_ends_on))
    audit(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.REPAIRED, key)
    return True


def _end_with(key: Key, ends_on: date | None) -> datetime | None:
    """Return the end of the key with this last day; None if it does not change."""
    rule = policy_of(key.owner).rules[Key.Kind.TEMPORARY]  # keys of interns are temporary
    by_policy, override = latest_end(key, rule), override_of(key)
    end = max(by_policy, key.expires_at or by_policy)
    if override and override.expires_at:
        end = min(end, override.expires_at) if override.within_policy else override.expires_at
    if ends_on:
        end = min(end, last_moment_of(ends_on))
    if key.expires_at is None:
        return end
    is_over = end <= timezone.now() and key.expires_at <= timezone.now()  # needs a renewal
    return None if is_over or abs(end - key.expires_at) < EXACT else end


def _write_day(intern: Intern, ends_on: date | None, actor: Actor) -> None:
    """Record the day; no old secret of a rotation outlives it."""
    days = {"before": _iso(intern.stay_ends_on), "after": _iso(ends_on)}
    with transaction.atomic():
        Intern.objects.filter(pk=intern.pk).update(stay_ends_on=ends_on)
        if ends_on:
            last = last_moment_of(ends_on)
            retiring = Token.objects.filter(key__intern=intern, state=Token.State.RETIRING, retires_at__gt=last)
            retiring.update(retires_at=last)
        audit_intern(actor, AuditAction.STAY, AuditOutcome.DONE, intern, "stay_days", **days)


def _set_ends(ends: dict[Key, datetime], actor: Actor) -> None:
    """Set all these ends at the gateway; raise the first error when all were tried."""
    first: Exception | None = None
    for key, end in ends.items():
        try:
            _set_end(key, end)
        except (KeyRefused, GatewayError) as error:
            audit(actor, AuditAction.STAY, _outcome_of(error), key, error)
            first = first or error
        else:
            audit(actor, AuditAction.STAY, AuditOutcome.DONE, key)
    if first:
        raise first


def _set_end(key: Key, end: datetime) -> None:
    """Set the end of the live token at the gateway, and record its answer."""
    token, repair = claim(key), False
    try:
        info = get_gateway().keys.renew(token.token or "", duration=as_duration(end - timezone.now()))
        record_end(key, info, renewed=False)
    except GatewayNotFound as error:
        mark_gone(token)
        raise KeyRefused("gone") from error
    except GatewayUnavailable as error:
        repair = error.may_have_happened
        raise
    finally:
        release(key, repair=repair)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _outcome_of(error: Exception) -> AuditOutcome:
    if isinstance(error, KeyRefused):
        return AuditOutcome.REFUSED
    unknown = isinstance(error, GatewayUnavailable) and error.may_have_happened
    return AuditOutcome.UNKNOWN if unknown else AuditOutcome.FAILED
