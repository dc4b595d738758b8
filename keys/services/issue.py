"""Issue a key: reserve a row, call the gateway, record the result (docs/design.md, "Keys")."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.views.decorators.debug import sensitive_variables

from accounts.audit import Actor
from accounts.models import AuditAction, AuditOutcome, User, owes_terms
from accounts.policies import Allowance, policy_of
from gateway.errors import GatewayError, GatewayUnavailable
from gateway.types import IssuedKey
from keys.catalogue import gateway_state
from keys.models import Intern, Key, LimitOverride, Token
from keys.services.creation import create_at_gateway, delete_unseen, give_up, mark_answer_lost, record_token
from keys.services.derive import chosen_secret
from keys.services.group_budget import refuse_while_stopped
from keys.services.interns import intern_for_key
from keys.services.key_limits import (
    bounds_of,
    changes_between,
    chosen_within,
    limits_of,
    limits_on,
    names_differing,
    overridden,
    usable_limits,
)
from keys.services.lifetimes import as_duration, lifetime_of
from keys.services.refusals import KeyRefused
from keys.services.team_writes import lock_running
from keys.services.trail import audit


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """A person's request; everything else follows from their policy."""

    label: str
    kind: str
    request_id: uuid.UUID | None = None  # the id of the form: the same id creates no second key
    intern: Intern | None = None  # one of the person's own, or an unsaved one to be created with the key
    budget_usd: Decimal | None = None  # within the policy's; None: the policy's
    model_names: tuple[str, ...] | None = None  # some of the policy's; None: the policy's

    @property
    def stay_ends_on(self) -> date | None:
        """The last day of the stay of the intern who will use it, if there is one."""
        return self.intern.stay_ends_on if self.intern else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshKey:
    """A key and its secret, for the only page that shows it."""

    key: Key
    secret: str = field(repr=False)


@sensitive_variables("issued")
def issue_key(
    *,
    owner: User,
    actor: Actor,
    key_request: KeyRequest,
    allowance: Allowance | None = None,
    spend_usd: Decimal | None = None,
) -> FreshKey:
    """Create a key for `owner`, with `spend_usd` of its budget spent already; pass the `allowance` if just read.

    Raises KeyRefused (a rule of ours), GatewayUnavailable or GatewayRejected. Nothing was created, except after
    GatewayUnavailable with `may_have_happened`: then the sweep finds out, and deletes a key that nobody has seen.
    """
    allowance = allowance or policy_of(owner)
    key = _key_of(owner, key_request, allowance)
    try:
        refuse_while_stopped(allowance)
        duration = as_duration(lifetime_of(key_request.kind, allowance, key_request.stay_ends_on))
        override = _chosen_limits(key, key_request, allowance, actor)
        token = _reserve(key, key_request, allowance, actor, override)
    except KeyRefused as refusal:
        if refusal.code != "being_made":  # two first uses of the Playground at once are no error
            audit(actor, AuditAction.ISSUE, AuditOutcome.REFUSED, key, refusal)
        raise
    changes = override and changes_between(limits_of(key.kind, allowance)._asdict(), limits_on(key)._asdict())
    return create_and_open(
        key, token, actor, allowance, duration=duration, spend_usd=spend_usd, limits_changed=changes or {}
    )


@sensitive_variables("issued", "secret")
def create_and_open(
    key: Key,
    token: Token,
    actor: Actor,
    allowance: Allowance | None = None,
    *,
    duration: str | None,
    spend_usd: Decimal | None = None,
    limits_changed: Mapping[str, list[Any]] | None = None,
) -> FreshKey:
    """Create a reserved key at the gateway and record it; raises as `issue_key` does.

    `limits_changed`: what its owner chose in place of the policy's limits, for the trail.
    """
    try:
        issued = create_at_gateway(
            token, allowance, duration=duration, spend_usd=spend_usd, secret=chosen_secret(token)
        )
    except KeyRefused as refusal:
        audit(actor, AuditAction.ISSUE, AuditOutcome.FAILED, key, refusal)
        raise
    except GatewayError as error:
        unknown = isinstance(error, GatewayUnavailable) and error.may_have_happened
        audit(actor, AuditAction.ISSUE, AuditOutcome.UNKNOWN if unknown else AuditOutcome.FAILED, key, error)
        raise
    _open(key, token, issued, actor, limits_changed)
    return FreshKey(key=key, secret=issued.secret)


def _key_of(owner: User, key_request: KeyRequest, allowance: Allowance) -> Key:
    """Return an unsaved key with the limits of the policy."""
    return Key(
        owner=owner,
        kind=key_request.kind,
        label=key_request.label,
        request_id=key_request.request_id,
        intern=key_request.intern,
        **limits_of(key_request.kind, allowance)._asdict(),
    )


def _chosen_limits(key: Key, key_request: KeyRequest, allowance: Allowance, actor: Actor) -> LimitOverride | None:
    """Give the unsaved key the limits that its owner chose, and return them as a row; None: those of the policy.

    KeyRefused ("limits.beyond") where the policy does not give as much.
    """
    bounds = bounds_of(key, allowance)
    chosen = chosen_within(bounds, key_request.budget_usd, key_request.model_names)
    fields = names_differing(chosen, bounds)
    if not fields:
        return None
    override = LimitOverride(fields=fields, within_policy=True, set_by=actor.user, **chosen._asdict())
    if key.kind not in Key.COUNTED_KINDS or overridden(bounds, override) != chosen:
        raise KeyRefused("limits.beyond")
    for name, value in overridden(limits_on(key), override)._asdict().items():
        setattr(key, name, value)
    return override


def _reserve(
    key: Key, key_request: KeyRequest, allowance: Allowance, actor: Actor, override: LimitOverride | None
) -> Token:
    """Save the key with its own limits and its first token, if the policy allows one more, and a new intern.

    The owner's row is locked meanwhile (on SQLite the whole database), so concurrent requests cannot exceed a limit.
    """
    try:
        with transaction.atomic():
            owner = User.objects.select_for_update().annotate(owes_terms=owes_terms(key.owner)).get(pk=key.owner_id)
            if owner.owes_terms:
                raise KeyRefused("terms")
            if key.kind == Key.Kind.PLAYGROUND:
                _check_the_only_one(key)
            else:
                _check(key, key_request, allowance)
                key.intern = key_request.intern and intern_for_key(key.owner, key_request.intern, actor)
            key.save(force_insert=True)
            if override is not None:
                override.key = key
                override.save(force_insert=True)
            return Token.objects.create(key=key)
    except IntegrityError as error:  # a constraint of the database, if the checks above missed it
        if key.kind == Key.Kind.PLAYGROUND:
            raise being_made() from error
        raise KeyRefused("label") from error


def _check(key: Key, key_request: KeyRequest, allowance: Allowance) -> None:
    """Refuse what the policy does not allow."""
    own = Key.objects.owned_by(key.owner)
    earlier = own.filter(request_id=key_request.request_id).first() if key_request.request_id else None
    if earlier:
        raise repeated(earlier)
    if key_request.intern and not allowance.may_name_interns:
        raise KeyRefused("intern")
    usable_limits(key.kind, allowance)
    _check_number(key, allowance)
    if own.counted().filter(label__iexact=key_request.label).exists():
        raise KeyRefused("label")


def _check_number(key: Key, allowance: Allowance) -> None:
    """Refuse a key beyond the number of all, or of its kind, that the policy allows."""
    own = Key.objects.owned_by(key.owner).counted()
    live, most = own.count(), allowance.max_live_keys
    if most is not None and live >= most:
        raise KeyRefused("limit", live=live, most=most)
    most = allowance.rules[key.kind].max_keys
    if most is not None and (live := own.filter(kind=key.kind).count()) >= most:
        raise KeyRefused("limit.kind", live=live, most=most)


def _check_the_only_one(key: Key) -> None:
    """Refuse a second Playground key; the policy was checked before."""
    made = (
        Key.objects.owned_by(key.owner)
        .of_people()
        .filter(kind=key.kind, state__in=(Key.State.ISSUING, Key.State.ACTIVE))
    )
    if made.exists():
        raise being_made()


def being_made() -> KeyRefused:
    """Say that the person's only Playground key exists, or is being created."""
    return KeyRefused("being_made")


def repeated(earlier: Key) -> KeyRefused:
    """Report the result of the form when it was sent before."""
    if earlier.state == Key.State.ISSUING:
        return KeyRefused("under_way", stopped=gateway_state().is_outdated)
    return KeyRefused("repeated")


def _open(
    key: Key, token: Token, issued: IssuedKey, actor: Actor, limits_changed: Mapping[str, list[Any]] | None
) -> None:
    """Record the created key; refuse to show a secret that the sweep has already closed."""
    try:
        with transaction.atomic():
            if key.team_id:
                lock_running(key.team_id)
            recorded = record_token(token, issued)
            if recorded:
                key.state, key.expires_at = Key.State.ACTIVE, issued.expires_at
                key.save(update_fields=["state", "expires_at"])
                details = {"changes": limits_changed} if limits_changed else {}
                why = "limits.set" if limits_changed else ""
                audit(actor, AuditAction.ISSUE, AuditOutcome.DONE, key, why, **details)
    except GatewayUnavailable:
        give_up(token, Key.Problem.ANSWER_LOST)
        raise
    except KeyRefused as refusal:  # its course ended, or was frozen, meanwhile
        delete_unseen(issued)
        mark_answer_lost(token)
        audit(actor, AuditAction.ISSUE, AuditOutcome.FAILED, key, refusal)
        raise
    if not recorded:
        delete_unseen(issued)
        raise KeyRefused("overtaken")
