"""Renew a key: the same secret, a new end, as the gateway tells it."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Act
from accounts.models import AuditAction, AuditOutcome
from accounts.policies import policy_of
from gateway.django import get_gateway
from gateway.errors import GatewayNotFound, GatewayRejected, GatewayUnavailable
from gateway.types import KeyInfo
from keys.models import Key, Token
from keys.services.delete import mark_gone
from keys.services.lifetimes import as_duration, is_renewable, lifetime_of, renewable_until
from keys.services.refusals import KeyRefused
from keys.services.trail import trace


def renew_key(*, key: Key, act: Act) -> Key:
    """Let `key` live for another lifetime from now; allowed from some days before its end until some after it.

    Raises KeyRefused, GatewayUnavailable or GatewayRejected. With `may_have_happened` the sweep asks the gateway
    which end the key has now.
    """
    try:
        duration = _duration(key)
        token = claim(key)
    except KeyRefused as refusal:
        trace(act, AuditAction.RENEW, AuditOutcome.REFUSED, key, refusal)
        raise
    try:
        info: KeyInfo = get_gateway().keys.renew(token.token or "", duration=duration)
    except GatewayUnavailable as error:
        release(key, heal=error.may_have_happened)
        outcome = AuditOutcome.UNKNOWN if error.may_have_happened else AuditOutcome.FAILED
        trace(act, AuditAction.RENEW, outcome, key, error)
        raise
    except GatewayRejected as error:
        _refused(key, token, act, error)
        if isinstance(error, GatewayNotFound):
            raise KeyRefused("gone", _("This key was deleted at the gateway. Create a new one.")) from error
        raise
    record_end(key, info)
    trace(act, AuditAction.RENEW, AuditOutcome.DONE, key)
    return Key.objects.get(pk=key.pk)


def record_end(key: Key, info: KeyInfo) -> None:
    """Write down the end that the gateway tells, which is the only truth about it."""
    Key.objects.filter(pk=key.pk).update(expires_at=info.expires_at, blocked=info.blocked, renewing_since=None)


def _duration(key: Key) -> str:
    """Return the new lifetime, where the policy and the date allow a renewal."""
    if not is_renewable(key):
        end = renewable_until(key)
        if end is not None and end < timezone.now():
            raise KeyRefused("too_late", _("It is too late to renew this key. Create a new one."))
        if key.blocked:
            raise KeyRefused("blocked", _("This key is blocked at the gateway. Ask an administrator."))
        days = settings.KEY_RENEW_BEFORE_DAYS
        raise KeyRefused("too_early", _("This key can be renewed from %(days)d days before its end.") % {"days": days})
    return as_duration(lifetime_of(key.kind, policy_of(key.owner), key.stay_ends_on))


def claim(key: Key) -> Token:
    """Note that a renewal, or another change of the live token, is on its way, unless one is; return the token."""
    token = key.live_token
    free = Q(renewing_since=None) | Q(renewing_since__lt=_nobody_waits())
    claimed = token and Key.objects.filter(free, pk=key.pk, state=Key.State.ACTIVE).update(
        renewing_since=timezone.now()
    )
    if not token or not claimed:
        raise KeyRefused("busy", _("This key is being changed. Try again in a minute."))
    return token


def _nobody_waits() -> datetime:
    """Return the time before which a renewal without an answer has none to come."""
    return timezone.now() - timedelta(seconds=settings.KEY_ANSWER_DEADLINE_S)


def release(key: Key, *, heal: bool) -> None:
    """Give the claim back; with `heal` as one that nobody waits for, so that the sweep looks at once."""
    since = _nobody_waits() - timedelta(seconds=1) if heal else None
    Key.objects.filter(pk=key.pk).update(renewing_since=since)


def _refused(key: Key, token: Token, act: Act, error: GatewayRejected) -> None:
    """Record that the gateway refused, and that a key which it does not know is gone."""
    release(key, heal=False)
    trace(act, AuditAction.RENEW, AuditOutcome.FAILED, key, error)
    if isinstance(error, GatewayNotFound):
        mark_gone(token)
