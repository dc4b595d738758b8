"""Rotate a key: a new secret with the same settings; the old one works on for a grace period, then is deleted."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.audit import Act
from accounts.models import AuditAction, AuditOutcome
from accounts.policies import Allowance, policy_of
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayNotFound, GatewayUnavailable
from gateway.types import IssuedKey, KeyInfo
from keys.models import Key, Token
from keys.services.delete import erase, mark_gone
from keys.services.issue import FreshKey
from keys.services.key_limits import follow_limits, usable_limits
from keys.services.lifetimes import as_duration, is_expired
from keys.services.mint import delete_unseen, mark_answer_lost, mint, record_token
from keys.services.person_budget import ceiling_of, claim_and_join
from keys.services.refusals import KeyRefused
from keys.services.trail import trace


@sensitive_variables("issued")
def rotate_key(*, key: Key, act: Act) -> FreshKey:
    """Give `key` a new secret with what is left of its lifetime and budget; the old one ends after the grace.

    Both get what the policy gives now, and both count in their owner's budget.
    Raises as `issue_key` does; the old secret works on whenever this fails.
    """
    allowance = policy_of(key.owner)
    grace = timedelta(hours=allowance.grace_hours)
    try:
        old = _rotatable_token(key)
        _bring_to_policy(old, act, allowance)
        before = _as_it_is(old)
        token = _reserve(old)
        issued = mint(token, allowance, duration=_time_left(before), spend_usd=before.spend_usd)
    except KeyRefused as refusal:
        trace(act, AuditAction.ROTATE, AuditOutcome.REFUSED, key, refusal)
        raise
    except GatewayError as error:
        unknown = isinstance(error, GatewayUnavailable) and error.may_have_happened
        trace(act, AuditAction.ROTATE, AuditOutcome.UNKNOWN if unknown else AuditOutcome.FAILED, key, error)
        raise
    _hand_over(old, token, issued, grace, act)
    return FreshKey(key=Key.objects.get(pk=key.pk), secret=issued.secret)


def end_old_secret(*, key: Key, act: Act) -> None:
    """End the grace of a rotation now. Raises GatewayUnavailable: then the sweep ends it as soon as it can."""
    old = key.retiring
    if old is None or not Token.objects.move(old, to=Token.State.DELETING):
        raise KeyRefused("no_old", _("The old secret has ended already."))
    try:
        erase(old)
    except GatewayError as error:
        trace(act, AuditAction.END_OLD, AuditOutcome.UNKNOWN, key, error)
        raise
    trace(act, AuditAction.END_OLD, AuditOutcome.DONE, key)


def _rotatable_token(key: Key) -> Token:
    """Return the token that works now, where the key's life allows a rotation."""
    token = Token.objects.select_related("key__owner").filter(key=key, state=Token.State.LIVE).first()
    if token is None or key.kind not in Key.COUNTED_KINDS or token.key.state != Key.State.ACTIVE:
        raise KeyRefused("state", _("This key cannot be rotated now."))
    if is_expired(token.key):
        raise KeyRefused("expired", _("This key has expired. Renew it first."))
    if token.key.blocked:
        raise KeyRefused("blocked", _("This key is blocked at the gateway. Ask an administrator."))
    return token


def _bring_to_policy(old: Token, act: Act, allowance: Allowance) -> None:
    """Let the old secret have what the policy gives now and count in its owner's budget, before there are two."""
    try:
        follow_limits(old.key, act, usable_limits(old.key.kind, allowance))
        ceiling = ceiling_of(old.key.owner, allowance)
        if ceiling.team_id:
            claim_and_join(old, ceiling.team_id)
    except GatewayUnavailable as error:  # of the new secret, nothing has happened
        raise GatewayUnavailable(str(error), may_have_happened=False) from error


def _as_it_is(old: Token) -> KeyInfo:
    """Ask the gateway for the key's true end and spend; a key that is gone there is gone here."""
    try:
        info: KeyInfo = get_gateway().keys.info(old.token or "")
        if not info.deleted:
            return info
    except GatewayUnavailable as error:  # a question: whatever became of it, nothing has happened
        raise GatewayUnavailable(str(error), may_have_happened=False) from error
    except GatewayNotFound:
        pass
    mark_gone(old)
    raise KeyRefused("gone", _("This key was deleted at the gateway. Create a new one."))


def _time_left(info: KeyInfo) -> str | None:
    """Return what is left of the key's life, so that a rotation prolongs nothing; None: it never ends."""
    return None if info.expires_at is None else as_duration(info.expires_at - timezone.now())


def _reserve(old: Token) -> Token:
    """Make the row of the new token; the database allows one under way, and one that retires."""
    busy = KeyRefused(
        "rotating", _("A rotation of this key is not finished. End the old secret first, or wait a few minutes.")
    )
    try:
        with transaction.atomic():
            key = Key.objects.select_for_update().get(pk=old.key_id)
            if key.state != Key.State.ACTIVE or key.in_state("issuing", "retiring", "deleting"):
                raise busy
            key.owner = old.key.owner
            return Token.objects.create(key=key)
    except IntegrityError as error:
        raise busy from error


@sensitive_variables("issued")
def _hand_over(old: Token, token: Token, issued: IssuedKey, grace: timedelta, act: Act) -> None:
    """Record the new secret and let the old one retire, both or neither."""
    try:
        with transaction.atomic():
            still = Key.objects.select_for_update().get(pk=old.key_id).state == Key.State.ACTIVE
            retired = still and Token.objects.move(old, to=Token.State.RETIRING, retires_at=timezone.now() + grace)
            recorded = retired and record_token(token, issued)
            if not recorded:
                transaction.set_rollback(True)
            else:
                Key.objects.filter(pk=old.key_id).update(expires_at=issued.expires_at)
                trace(act, AuditAction.ROTATE, AuditOutcome.DONE, old.key)
    except GatewayUnavailable:
        mark_answer_lost(token)
        raise
    if not recorded:
        delete_unseen(issued)
        mark_answer_lost(token)
        raise KeyRefused("overtaken", _("The key changed meanwhile. The new secret was deleted unseen."))
