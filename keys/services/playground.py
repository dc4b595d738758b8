"""A person's own key for the Playground: created at first use, kept to the policy, its secret derived each time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import User
from accounts.policies import Allowance, policy_of
from gateway.django import get_gateway
from gateway.errors import GatewayNotFound, GatewayUnavailable
from gateway.secret import Secret
from gateway.types import KeyInfo
from keys.models import Key, PersonBudget, Token
from keys.services.delete import delete_at_gateway, delete_key, finish_deletion
from keys.services.derive import derived_secret
from keys.services.group_budget import budget_refusal, refuse_while_stopped
from keys.services.issue import KeyRequest, being_made, issue_key
from keys.services.key_limits import Limits, follow_limits, limits_on, usable_limits
from keys.services.lifetimes import is_expired, is_renewable
from keys.services.limits import count_action
from keys.services.person_budget import ceiling_of, claim_and_join, has_team, is_current, team_id_of
from keys.services.refusals import KeyRefused
from keys.services.renew import renew_key
from keys.services.sweep import repair_issuing, repair_renewal
from keys.use import WARN_SHARE

LABEL: Final = "Playground"
WAIT_S: Final = 10.0  # for another thread that makes or changes the key
POLL_S: Final = 0.1
# Refusals that the next look at the key resolves: another thread changes it, or it was just deleted.
PASSING: Final = ("being_made", "busy", "gone", "overtaken", "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStatus:
    """The gateway's report of a budget: the person's, with the Playground key's as `of_key`, or the key's alone."""

    budget_usd: Decimal | None  # None: no limit
    spent_usd: Decimal  # since the last reset
    period: str  # "1d", "7d", "30d"; "" without a budget
    resets_at: datetime | None
    of_person: bool = False
    of_key: "BudgetStatus | None" = None  # where the key has another budget than the person

    @property
    def left_usd(self) -> Decimal:
        """What may still be spent; nothing if there is no limit."""
        return max(Decimal(0), (self.budget_usd or Decimal(0)) - self.spent_usd)

    @property
    def is_low(self) -> bool:
        """Whether it, or that of the key alone, is used up or nearly."""
        low = self.budget_usd is not None and self.spent_usd >= WARN_SHARE * self.budget_usd
        return low or (self.of_key is not None and self.of_key.is_low)


def playground_secret(
    *, owner: User, actor: Actor, allowance: Allowance | None = None, wait_s: float = WAIT_S
) -> Secret:
    """Return the secret of the person's Playground key; create, renew, or change the key first if needed.

    One query when nothing is to be done, and one more without the `allowance`. A key with outdated limits is
    changed before it is used: if the gateway does not answer then, nothing is called under the old limits.
    While another thread creates or changes the key, it waits for `wait_s` seconds.
    Raises KeyRefused (codes "playground", "models", "blocked", "budget", "being_made", "custom_keys_forbidden"),
    GatewayUnavailable or GatewayRejected.
    """
    allowance = allowance or policy_of(owner)
    limits = playground_limits(allowance)
    refuse_while_stopped(allowance)

    def ready(token: Token) -> bool:
        return _is_ready(token, limits, allowance)

    def reconcile(token: Token | None) -> None:
        _reconcile_key(token, owner, actor, allowance)

    return secret_when_ready(lambda: _token_of(owner), ready, reconcile, wait_s=wait_s)


def secret_when_ready(
    find: Callable[[], Token | None],
    ready: Callable[[Token], bool],
    reconcile: Callable[[Token | None], None],
    *,
    wait_s: float,
) -> Secret:
    """Return the secret of the token that `find` returns once it is `ready`; until then, do its next step.

    Raises KeyRefused ("being_made") when another thread takes longer than `wait_s` seconds for it. One step is done in
    any case: where only the database is slow, nobody else is at it.
    """
    until, is_tried = time.monotonic() + wait_s, False
    while True:
        token = find()
        if token and ready(token) and (secret := derived_secret(token)):
            return secret
        if is_tried and time.monotonic() > until:
            raise being_made()
        is_tried = True
        try:
            reconcile(token)
        except KeyRefused as refusal:
            if refusal.code not in PASSING:
                raise
            time.sleep(POLL_S)


def playground_limits(allowance: Allowance) -> Limits:
    """Return the limits of a Playground key; raises KeyRefused ("playground", "models") if the policy allows none."""
    if not allowance.rules[Key.Kind.PLAYGROUND].allowed:
        raise KeyRefused("playground")
    return usable_limits(Key.Kind.PLAYGROUND, allowance)


def playground_budget(owner: User) -> BudgetStatus | None:
    """Read from the gateway what is left for all keys of the person and for the Playground's; None without a key.

    Raises GatewayUnavailable or GatewayRejected.
    """
    token = _token_of(owner)
    info = token and info_of(token)
    if not token or not info:
        return None
    of_key = status_of(info)
    row = getattr(token.key.owner, "person_budget", None)
    if row is None or not has_team(row):
        return of_key
    team = get_gateway().people.team(team_id_of(owner))
    return BudgetStatus(
        budget_usd=row.budget_usd,
        spent_usd=team.spend_usd + row.uncounted_usd,
        period=team.budget_duration or "",
        resets_at=team.budget_reset_at,
        of_person=True,
        of_key=of_key if of_key.budget_usd not in (None, row.budget_usd) else None,
    )


def status_of(info: KeyInfo) -> BudgetStatus:
    """Return the budget of one key."""
    return BudgetStatus(
        budget_usd=info.budget_usd,
        spent_usd=info.spend_usd,
        period=info.budget_duration or "",
        resets_at=info.budget_reset_at,
    )


def recheck_playground_key(owner: User) -> None:
    """Read a key that the gateway has just refused, and take over its state; the next use then acts on it.

    Raises GatewayUnavailable or GatewayRejected.
    """
    token = _token_of(owner)
    if token:
        PersonBudget.objects.look_again(owner)
        repair_renewal(token.key)


def _token_of(owner: User) -> Token | None:
    """Return the token of the person's Playground key that works, or did until its end."""
    found = Token.objects.select_related("key__owner__person_budget").filter(
        key__owner=owner,
        key__kind=Key.Kind.PLAYGROUND,
        key__team=None,
        key__state=Key.State.ACTIVE,
        state=Token.State.LIVE,
    )
    return next(iter(found), None)  # at most one: keys_one_playground_key, keys_one_live_token


def _is_ready(token: Token, limits: Limits, allowance: Allowance) -> bool:
    """Tell whether the key can be used as it is."""
    usable = not token.key.blocked and not is_expired(token.key) and is_ours(token)
    return usable and limits_on(token.key) == limits and _counts(token, allowance)


def _counts(token: Token, allowance: Allowance) -> bool:
    """Tell whether the key's spend counts in its owner's budget, as far as the gateway can count that."""
    row = getattr(token.key.owner, "person_budget", None)
    return is_current(row, allowance) and (token.in_team or not has_team(row))


def is_ours(token: Token) -> bool:
    """Tell whether we still derive the secret that the gateway knows; not where its PLAYGROUND_KEY_SECRET is gone."""
    return derived_secret(token) is not None


def _reconcile_key(token: Token | None, owner: User, actor: Actor, allowance: Allowance) -> None:
    """Do the next step that the key needs before it can be used."""
    if token is None:
        repair_unanswered(Key.objects.owned_by(owner).of_people().filter(kind=Key.Kind.PLAYGROUND))
        count_action(owner, "playground:key")
        issue_key(
            owner=owner,
            actor=actor,
            key_request=KeyRequest(label=LABEL, kind=Key.Kind.PLAYGROUND),
            allowance=allowance,
            spend_usd=_spent(owner),
        )
    elif token.key.blocked:
        if token.key.blocked_for_budget and not token.key.is_paused:
            raise budget_refusal(owner)
        raise refusal_of_blocked(token.key)
    elif not is_ours(token):
        delete_key(key=token.key, actor=actor, problem=Key.Problem.REPLACED)
    elif is_expired(token.key) and not is_renewable(token.key):
        delete_key(key=token.key, actor=actor, problem=Key.Problem.LAPSED)
    elif is_expired(token.key):
        renew_key(key=token.key, actor=actor)
    elif not _counts(token, allowance):
        ceiling = ceiling_of(owner, allowance)
        if ceiling.team_id:
            claim_and_join(token, ceiling.team_id)
    else:
        follow_limits(token.key, actor, playground_limits(allowance))


def refusal_of_blocked(key: Key) -> KeyRefused:
    """Say who can unblock a blocked key: its owner, or the administrators."""
    return KeyRefused("blocked.playground_paused" if key.is_paused else "blocked.playground")


def repair_unanswered(keys: QuerySet[Key]) -> None:
    """Finish creations whose answer was lost, as the sweep does, but now.

    Raises KeyRefused ("being_made") while one is in progress.
    """
    overdue = timezone.now() - timedelta(seconds=settings.KEY_ANSWER_DEADLINE_S)
    for key in keys.filter(state=Key.State.ISSUING).select_related("owner").prefetch_related("tokens"):
        for token in key.in_state(Token.State.ISSUING):
            if not token.answer_lost and token.since > overdue:
                raise being_made()
            repair_issuing(token)
        for token in key.in_state(Token.State.DELETING):
            delete_at_gateway(token)
        finish_deletion(key)


def _spent(owner: User) -> Decimal | None:
    """Return what the person's last Playground key has spent in this period, so that a new one continues its budget."""
    own = Token.objects.filter(key__owner=owner, key__kind=Key.Kind.PLAYGROUND, key__team=None)
    last = own.filter(token__isnull=False).order_by("-created_at").first()
    try:
        info: KeyInfo | None = get_gateway().keys.info(last.token or "") if last else None
    except GatewayNotFound:
        return None
    except GatewayUnavailable as error:  # a read: nothing can have happened
        raise GatewayUnavailable(str(error), may_have_happened=False) from error
    if info is None or info.budget_reset_at is None or info.budget_reset_at <= timezone.now():
        return None
    return info.spend_usd


def info_of(token: Token) -> KeyInfo | None:
    """Return the gateway's data on a token; None if it is missing."""
    try:
        info: KeyInfo = get_gateway().keys.info(token.token or "")
    except GatewayNotFound:
        return None
    return None if info.deleted else info
