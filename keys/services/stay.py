"""Change the last day of the stay of the intern who uses a key; the key's end at the gateway follows."""

from datetime import date, datetime, timedelta

from django.utils import timezone

from accounts.audit import BY_THE_PORTAL, Act
from accounts.models import AuditAction, AuditOutcome
from accounts.policies import policy_of
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayNotFound, GatewayUnavailable
from keys.models import Key, Token
from keys.renewal import last_moment_of
from keys.services.claim import claim, release
from keys.services.delete import mark_gone
from keys.services.lifetimes import as_duration
from keys.services.refusals import KeyRefused
from keys.services.renew import check_policy, record_end
from keys.services.trail import audit

EXACT = timedelta(minutes=2)  # an end nearer to what it should be is left as it is


def change_stay(*, key: Key, ends_on: date | None, act: Act) -> Key:
    """Set the last day (None: none) of the stay of this key's intern.

    The key ends with the stay, but no later than the lifetime that the policy gives it, counted from when its present
    one began; so a later day alone renews nothing. Raises KeyRefused, GatewayUnavailable or GatewayRejected: the day is
    then as it was, and with `may_have_happened` the sweep brings the gateway back to it.
    """
    try:
        if key.state != Key.State.ACTIVE:
            raise KeyRefused("state.unused")
        end = _end_with(key, ends_on)
        if end and (key.expires_at is None or end > key.expires_at):
            check_policy(key, policy_of(key.owner))
        if end:
            _set_end(key, end)
    except (KeyRefused, GatewayError) as error:
        audit(act, AuditAction.STAY, _outcome_of(error), key, error)
        raise
    Key.objects.filter(pk=key.pk).update(stay_ends_on=ends_on)
    _let_old_secret_end(key, ends_on)
    days = {"before": _iso(key.stay_ends_on), "after": _iso(ends_on)}
    audit(act, AuditAction.STAY, AuditOutcome.DONE, key, "stay_days", **days)
    return Key.objects.get(pk=key.pk)


def end_with_stay(key: Key) -> bool:
    """Bring a key that would outlive the stay of its intern to the end of it; for the sweep. Again is harmless."""
    if key.stay_ends_on is None:
        return False
    _set_end(key, last_moment_of(key.stay_ends_on))
    audit(BY_THE_PORTAL, AuditAction.SWEEP, AuditOutcome.HEALED, key)
    return True


def _end_with(key: Key, ends_on: date | None) -> datetime | None:
    """Return the end that the key gets with this last day; None where it stays as it is."""
    rule = policy_of(key.owner).rules[Key.Kind.TEMPORARY]  # keys of interns are
    by_policy = (key.lifetime_started_at or key.created_at) + timedelta(days=rule.lifetime_days)
    if rule.ends_at is not None:
        by_policy = min(by_policy, rule.ends_at)
    end = max(by_policy, key.expires_at or by_policy)
    if ends_on:
        end = min(end, last_moment_of(ends_on))
    if key.expires_at is None:
        return end
    is_over = end <= timezone.now() and key.expires_at <= timezone.now()  # to be renewed, if at all
    return None if is_over or abs(end - key.expires_at) < EXACT else end


def _set_end(key: Key, end: datetime) -> None:
    """Set the end of the live token at the gateway, and write down what it says."""
    token, heal = claim(key), False
    try:
        info = get_gateway().keys.renew(token.token or "", duration=as_duration(end - timezone.now()))
        record_end(key, info, renewed=False)
    except GatewayNotFound as error:
        mark_gone(token)
        raise KeyRefused("gone") from error
    except GatewayUnavailable as error:
        heal = error.may_have_happened
        raise
    finally:
        release(key, heal=heal)


def _let_old_secret_end(key: Key, ends_on: date | None) -> None:
    """Let no secret of a rotation outlive the stay."""
    if ends_on:
        retiring = Token.objects.filter(key=key, state=Token.State.RETIRING, retires_at__gt=last_moment_of(ends_on))
        retiring.update(retires_at=last_moment_of(ends_on))


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _outcome_of(error: Exception) -> AuditOutcome:
    if isinstance(error, KeyRefused):
        return AuditOutcome.REFUSED
    unknown = isinstance(error, GatewayUnavailable) and error.may_have_happened
    return AuditOutcome.UNKNOWN if unknown else AuditOutcome.FAILED
