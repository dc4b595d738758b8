"""Renew a key: the same secret, a new end, as the gateway reports it."""

from datetime import timedelta

from django.utils import timezone

from accounts.audit import Actor
from accounts.models import AuditAction, AuditOutcome
from accounts.policies import Allowance, policy_of
from gateway.django import get_gateway
from gateway.errors import GatewayNotFound, GatewayRejected, GatewayUnavailable
from gateway.types import KeyInfo
from keys.models import Key, Token
from keys.renewal import ends_with_stay, has_own_end, renewable_from, renewable_until
from keys.services.claim import claim, release
from keys.services.delete import mark_gone
from keys.services.group_budget import budget_refusal
from keys.services.key_limits import Limits, limits_in, limits_on, override_of, update_limits, usable_limits
from keys.services.lifetimes import as_duration, is_extendable, is_renewable, lifetime_of
from keys.services.person_budget import ceiling_of, join_team
from keys.services.refusals import KeyRefused
from keys.services.trail import audit


def renew_key(*, key: Key, actor: Actor, early: bool = False) -> Key:
    """Renew `key` for another lifetime from now; allowed from some days before its end until some after it.

    With `early` also before that, as admins may. It gets the policy's present budget, rate limits and models,
    and counts in its owner's budget.
    Raises KeyRefused, GatewayUnavailable or GatewayRejected. With `may_have_happened` the sweep reads
    the end from the gateway.
    """
    try:
        allowance = policy_of(key.owner)
        duration = _duration(key, allowance, early=early)
        limits = usable_limits(key.kind, allowance, override_of(key))
        token = _claim_as_read(key)
    except KeyRefused as refusal:
        audit(actor, AuditAction.RENEW, AuditOutcome.REFUSED, key, refusal)
        raise
    try:
        ceiling = ceiling_of(key.owner, allowance)
        if ceiling.team_id and not token.in_team:
            join_team(token, ceiling.team_id)
        info = _renewed(key, token, limits, duration)
    except GatewayUnavailable as error:
        release(key, repair=error.may_have_happened)
        outcome = AuditOutcome.UNKNOWN if error.may_have_happened else AuditOutcome.FAILED
        audit(actor, AuditAction.RENEW, outcome, key, error)
        raise
    except GatewayRejected as error:
        _refused(key, token, actor, error)
        if isinstance(error, GatewayNotFound):
            raise KeyRefused("gone") from error
        raise
    record_end(key, info)
    audit(actor, AuditAction.RENEW, AuditOutcome.DONE, key)
    if limits_on(key) != limits:
        audit(actor, AuditAction.LIMIT, AuditOutcome.DONE, key)
    return Key.objects.get(pk=key.pk)


def _claim_as_read(key: Key) -> Token:
    """Claim a key; refuse one with another end, owner or secret than when it was read: a link renews once."""
    token = claim(key)
    as_read = Key.objects.filter(pk=key.pk, owner=key.owner_id, expires_at=key.expires_at)
    if not as_read.filter(tokens__pk=token.pk, tokens__state=Token.State.LIVE).exists():
        release(key, repair=False)
        raise KeyRefused("busy")
    return token


def record_end(key: Key, info: KeyInfo, *, renewed: bool = True) -> None:
    """Record end and limits as the gateway reports them, which is authoritative.

    A later end begins another lifetime, unless the key was not `renewed`. `key` may be of an older read: whose block
    it is, is not written back.
    """
    prolonged = renewed and key.expires_at and info.expires_at and info.expires_at > key.expires_at
    Key.objects.filter(pk=key.pk).update(
        expires_at=info.expires_at,
        blocked=info.blocked,
        renewing_since=None,
        **({} if info.blocked else {"paused_at": None}),
        **({"lifetime_started_at": key.renewing_since or timezone.now()} if prolonged else {}),
        **limits_in(info)._asdict(),
    )


def _renewed(key: Key, token: Token, limits: Limits, duration: str) -> KeyInfo:
    """Set the end at the gateway, and the limits where they have changed."""
    if limits_on(key) != limits:
        return update_limits(key, token.token or "", limits, duration=duration)
    info: KeyInfo = get_gateway().keys.renew(token.token or "", duration=duration)
    return info


def _duration(key: Key, allowance: Allowance, *, early: bool) -> str:
    """Return the new lifetime, if the policy and the date (`early`: any before its end) allow a renewal."""
    check_renewable(key, early=early)
    check_policy(key, allowance)
    lifetime = lifetime_of(key.kind, allowance, key.stay_ends_on)
    last = allowance.rules[key.kind].ends_at
    if last is not None and key.expires_at is not None and last - key.expires_at < timedelta(hours=1):
        raise KeyRefused("over.renewal", when=last.isoformat())
    return as_duration(lifetime)


def check_renewable(key: Key, *, early: bool = False) -> None:
    """Refuse a renewal at another time than its dates allow, or of a blocked key; the policy is checked later."""
    if is_extendable(key) if early else is_renewable(key):
        return
    if key.team_id:
        raise KeyRefused("team.renewal")
    start, end = renewable_from(key), renewable_until(key)
    if end is not None and end < timezone.now():
        raise KeyRefused("too_late")
    if key.blocked and not key.is_paused:
        raise budget_refusal(key.owner) if key.blocked_for_budget else KeyRefused("blocked")
    if ends_with_stay(key):
        raise KeyRefused("stay_over.renewal")
    if has_own_end(key) and key.expires_at:
        by_supervisor = key.override.within_policy
        raise KeyRefused("own_end.supervisor" if by_supervisor else "own_end", when=key.expires_at.isoformat())
    raise KeyRefused("too_early", when=start and start.isoformat())


def check_policy(key: Key, allowance: Allowance) -> None:
    """Refuse to extend a key that the policy would not allow its owner now."""
    if key.kind not in Key.COUNTED_KINDS:
        return
    if key.intern_id and not allowance.may_name_interns:
        raise KeyRefused("intern.renewal")
    own = Key.objects.owned_by(key.owner).counted()
    live, most = own.count(), allowance.max_live_keys
    if most is not None and live > most:
        raise KeyRefused("limit.renewal", live=live, most=most)
    most = allowance.rules[key.kind].max_keys
    if most is not None and (live := own.filter(kind=key.kind).count()) > most:
        raise KeyRefused("limit.kind_at_renewal", live=live, most=most)


def _refused(key: Key, token: Token, actor: Actor, error: GatewayRejected) -> None:
    """Record that the gateway refused, and that a key which it does not know is gone."""
    release(key, repair=False)
    audit(actor, AuditAction.RENEW, AuditOutcome.FAILED, key, error)
    if isinstance(error, GatewayNotFound):
        mark_gone(token)
