"""A person's own key for the Playground: made at its first use, kept to the policy, its secret computed each time."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Act
from accounts.models import AuditAction, AuditOutcome, User
from accounts.policies import Allowance, policy_of
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayNotFound, GatewayUnavailable
from gateway.secret import Secret, token_of
from gateway.types import UNSET, KeyInfo
from keys.models import Key, Token
from keys.services.delete import delete_key, erase, mark_gone, settle
from keys.services.derive import derived_secret
from keys.services.issue import Limits, Wish, being_made, issue_key, limits_of
from keys.services.lifetimes import is_expired, is_renewable
from keys.services.limits import count_action
from keys.services.refusals import KeyRefused
from keys.services.renew import claim, release, renew_key
from keys.services.sweep import heal_issuing, heal_renewal
from keys.services.trail import trace
from web.turns import aside

LABEL: Final = "Playground"
WAIT_S: Final = 10.0  # for another thread that makes or changes the key
POLL_S: Final = 0.1
# Refusals that the next look at the key answers: somebody else is at it, or it has just gone.
PASSING: Final = ("being_made", "busy", "gone", "overtaken", "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """What the gateway says of a Playground key's budget."""

    budget_usd: Decimal | None  # None: no limit
    spent_usd: Decimal  # since the last reset
    period: str  # "1d", "7d", "30d"; "" without a budget
    resets_at: datetime | None

    @property
    def left_usd(self) -> Decimal:
        """What may still be spent; nothing when there is no limit to tell it from."""
        return max(Decimal(0), (self.budget_usd or Decimal(0)) - self.spent_usd)


def playground_secret(*, owner: User, act: Act, allowance: Allowance | None = None, wait_s: float = WAIT_S) -> Secret:
    """Return the secret of the person's Playground key; make, renew, or change the key first where it needs that.

    One query when all is well, and one more without the `allowance`. A key whose limits are not the policy's is
    changed before it is used: should the gateway not answer then, nothing is called under limits that are over.
    While another thread makes or changes the key, `wait_s` seconds are waited for it.
    Raises KeyRefused (codes "playground", "models", "blocked", "being_made", "custom_keys_forbidden"),
    GatewayUnavailable or GatewayRejected.
    """
    allowance = allowance or policy_of(owner)
    limits = playground_limits(allowance)
    until = time.monotonic() + wait_s
    while True:
        token = _token_of(owner)
        if token and _is_ready(token, limits):
            return derived_secret(token)
        if time.monotonic() > until:
            raise being_made()
        try:
            _bring_nearer(token, owner, act, limits)
        except KeyRefused as refusal:
            if refusal.code not in PASSING:
                raise
            with aside():
                time.sleep(POLL_S)


def playground_limits(allowance: Allowance) -> Limits:
    """Return the limits of a Playground key; raises KeyRefused ("playground", "models") where the policy has none."""
    if not allowance.playground:
        raise KeyRefused("playground", _("Your policy does not include the Playground. Ask an administrator."))
    limits = limits_of(Key.Kind.PLAYGROUND, allowance)
    if limits.model_names is not None and not limits.model_names:
        raise KeyRefused("models", _("Your policy names no model for the Playground. Ask an administrator."))
    return limits


def playground_purse(owner: User) -> Purse | None:
    """Ask the gateway what the person's Playground key has spent; None while there is no such key.

    Raises GatewayUnavailable or GatewayRejected.
    """
    token = _token_of(owner)
    info = token and _info(token)
    if not info:
        return None
    return Purse(
        budget_usd=info.budget_usd,
        spent_usd=info.spend_usd,
        period=info.budget_duration or "",
        resets_at=info.budget_reset_at,
    )


def recheck_playground_key(owner: User) -> None:
    """Ask the gateway about a key that it has just refused, and take over what it says; the next use then acts on it.

    Raises GatewayUnavailable or GatewayRejected.
    """
    token = _token_of(owner)
    if token:
        heal_renewal(token.key)


def _token_of(owner: User) -> Token | None:
    """Return the token of the person's Playground key that works, or did until its end."""
    found = Token.objects.select_related("key").filter(
        key__owner=owner, key__kind=Key.Kind.PLAYGROUND, key__state=Key.State.ACTIVE, state=Token.State.LIVE
    )
    token = next(iter(found), None)  # one at most: keys_one_playground_key, keys_one_live_token
    if token:
        token.key.owner = owner
    return token


def _is_ready(token: Token, limits: Limits) -> bool:
    """Tell whether the key can be used as it is."""
    return not token.key.blocked and not is_expired(token.key) and _is_ours(token) and _limits(token.key) == limits


def _is_ours(token: Token) -> bool:
    """Tell whether we still make the secret that the gateway knows; not so once PLAYGROUND_KEY_SECRET is another."""
    return token_of(derived_secret(token)) == token.token


def _limits(key: Key) -> Limits:
    """Return the limits that a key was last given."""
    return Limits(*(getattr(key, name) for name in Limits._fields))


def _bring_nearer(token: Token | None, owner: User, act: Act, limits: Limits) -> None:
    """Do the next thing that the key needs before it can be used."""
    if token is None:
        _heal(owner)
        count_action(owner, "playground:key")
        issue_key(owner=owner, act=act, wish=Wish(label=LABEL, kind=Key.Kind.PLAYGROUND), spend_usd=_spent(owner))
    elif token.key.blocked:
        raise KeyRefused("blocked", _("Your Playground key is blocked at the gateway. Ask an administrator."))
    elif not _is_ours(token):
        delete_key(key=token.key, act=act, problem=Key.Problem.REPLACED)
    elif is_expired(token.key) and not is_renewable(token.key):
        delete_key(key=token.key, act=act, problem=Key.Problem.LAPSED)
    elif is_expired(token.key):
        renew_key(key=token.key, act=act)
    else:
        _follow(token.key, act, limits)


def _heal(owner: User) -> None:
    """Bring to rest a first use whose answer was lost, as the sweep does, but now; wait for one that is under way."""
    overdue = timezone.now() - timedelta(seconds=settings.KEY_ANSWER_DEADLINE_S)
    unmade = Key.objects.owned_by(owner).filter(kind=Key.Kind.PLAYGROUND, state=Key.State.ISSUING)
    for key in unmade.select_related("owner").prefetch_related("tokens"):
        for token in key.in_state(Token.State.ISSUING):
            if not token.answer_lost and token.since > overdue:
                raise being_made()
            heal_issuing(token)
        for token in key.in_state(Token.State.DELETING):
            erase(token)
        settle(key)


def _spent(owner: User) -> Decimal | None:
    """Return what the person's last Playground key has spent in this period, so that a new one is no fresh budget."""
    made = Token.objects.filter(key__owner=owner, key__kind=Key.Kind.PLAYGROUND, token__isnull=False)
    last = made.order_by("-created_at").first()
    try:
        info: KeyInfo | None = get_gateway().keys.info(last.token or "") if last else None
    except GatewayNotFound:
        return None
    except GatewayUnavailable as error:  # a question: whatever became of it, nothing has happened
        raise GatewayUnavailable(str(error), may_have_happened=False) from error
    if info is None or info.budget_reset_at is None or info.budget_reset_at <= timezone.now():
        return None
    return info.spend_usd


def _info(token: Token) -> KeyInfo | None:
    """Return what the gateway knows of a token; None for one that is not there any more."""
    try:
        info: KeyInfo = get_gateway().keys.info(token.token or "")
    except GatewayNotFound:
        return None
    return None if info.deleted else info


def _follow(key: Key, act: Act, limits: Limits) -> None:
    """Give the key the limits that the policy has now, at the gateway and here."""
    token = claim(key)
    if _limits(Key.objects.get(pk=key.pk)) == limits:  # another thread was faster
        release(key, heal=False)
        return
    try:
        get_gateway().keys.update(
            token.token or "",
            budget_usd=limits.budget_usd,
            budget_duration=limits.budget_period or None,
            models=limits.model_names,
            rpm_limit=limits.rpm_limit,
            tpm_limit=limits.tpm_limit,
            spend_usd=UNSET if key.budget_period else Decimal(0),  # without a budget it counted since it was made
        )
    except GatewayNotFound:
        mark_gone(token)
    except GatewayError as error:  # again is harmless: the next use compares anew
        unknown = isinstance(error, GatewayUnavailable) and error.may_have_happened
        trace(act, AuditAction.LIMIT, AuditOutcome.UNKNOWN if unknown else AuditOutcome.FAILED, key, error)
        raise
    else:
        Key.objects.filter(pk=key.pk).update(**limits._asdict())
        trace(act, AuditAction.LIMIT, AuditOutcome.DONE, key)
    finally:
        release(key, heal=False)
