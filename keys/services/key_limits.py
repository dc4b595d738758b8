"""Limits of a key: those of the policy now, those last written, and updating them."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple

from accounts.audit import Actor
from accounts.models import AuditAction, AuditOutcome, BudgetPeriod
from accounts.policies import Allowance, policy_of
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayNotFound, GatewayUnavailable
from gateway.types import UNSET, KeyInfo, Unset
from keys.models import Key, LimitOverride, Team, Token
from keys.services.claim import claim, release
from keys.services.delete import mark_gone
from keys.services.refusals import KeyRefused
from keys.services.trail import audit

_LARGEST_USD, _LARGEST_LIMIT = Decimal(999_999), 2**31 - 1  # the maximum of the columns


class Limits(NamedTuple):
    """Limits of a key, as a row and the gateway have them; the names are those of the row's fields."""

    budget_usd: Decimal | None
    budget_period: str  # "" without a budget
    rpm_limit: int | None
    tpm_limit: int | None
    model_names: list[str] | None  # None: all


def limits_of(kind: str, allowance: Allowance) -> Limits:
    """Return the policy's limits for a key of this kind; without a budget of its own it has that of the person."""
    rule = allowance.rules[kind]
    budget_usd, period = rule.budget_usd, rule.budget_period
    if budget_usd is None:
        budget_usd, period = allowance.person_budget_usd, allowance.person_budget_period
    return Limits(
        budget_usd=budget_usd,
        budget_period=period if budget_usd is not None else "",
        rpm_limit=rule.rpm_limit,
        tpm_limit=rule.tpm_limit,
        model_names=None if rule.models is None else list(rule.models),
    )


def override_of(key: Key) -> LimitOverride | None:
    """Return what was set for this key alone; one query, whatever was read with it."""
    return LimitOverride.objects.filter(key=key.pk).first()


def overridden(limits: Limits, override: LimitOverride | None, granted_models: Sequence[str] = ()) -> Limits:
    """Return these limits, but for what was set for the key alone.

    Granted models come on top of models that were set; a budget that was set stands, also while more is granted.
    What the owner of the key has set counts only where `limits` allow as much.
    """
    if override is None:
        return limits
    own = {name: getattr(override, name) for name in override.fields}
    if override.within_policy:
        return _within(limits, own.get("budget_usd"), own.get("budget_period", ""), own.get("model_names") or ())
    if own.get("model_names") is not None:
        own["model_names"] = sorted({*own["model_names"], *granted_models})
    limits = limits._replace(**own)
    if limits.budget_usd is None or not override.extra_usd:
        return limits
    return limits._replace(budget_usd=limits.budget_usd + override.extra_usd)


def _within(limits: Limits, budget_usd: Decimal | None, budget_period: str, model_names: Sequence[str]) -> Limits:
    """Return these limits with this lower budget and these models, without what `limits` do not allow."""
    if budget_usd is not None and (limits.budget_usd is None or budget_usd <= limits.budget_usd):
        period = max(budget_period, limits.budget_period, key=["", *BudgetPeriod.values].index)
        limits = limits._replace(budget_usd=budget_usd, budget_period=period)
    models = [name for name in model_names if limits.model_names is None or name in limits.model_names]
    return limits._replace(model_names=models) if models else limits


def chosen_now(key: Key, override: LimitOverride | None) -> dict[str, bool]:
    """Tell which limits of a key its owner chose; False: those of a choice that the policy no longer allows."""
    if override is None or not override.within_policy:
        return {}
    models = None if key.model_names is None else set(key.model_names)
    is_now = {
        "budget_usd": key.budget_usd == override.budget_usd,
        "model_names": models is not None and models <= set(override.model_names or ()),
    }
    return {name: is_it for name, is_it in is_now.items() if name in override.fields}


def lasting_limits(key: Key, allowance: Allowance, override: LimitOverride | None) -> Limits:
    """Return the limits of a key without grants, which end by themselves."""
    return overridden(limits_of(key.kind, allowance.before_grants or allowance), override)


def bounds_of(key: Key, allowance: Allowance) -> Limits:
    """Return the limits within which the owner of a key may choose its own; for an intern's key without grants."""
    is_for_intern = key.intern_id is not None or key.intern is not None
    return limits_of(key.kind, (allowance.before_grants or allowance) if is_for_intern else allowance)


def chosen_within(bounds: Limits, budget_usd: Decimal | None, model_names: Collection[str] | None) -> Limits:
    """Return these limits with this budget and these models instead, where they are given; nothing is checked."""
    if budget_usd is not None:
        period = bounds.budget_period or BudgetPeriod.MONTH.value
        bounds = bounds._replace(budget_usd=budget_usd, budget_period=period)
    return bounds if model_names is None else bounds._replace(model_names=sorted(model_names))


def names_differing(limits: Limits, policy: Limits) -> list[str]:
    """Return the names of the limits that are not those of the policy."""
    fields = [name for name in Limits._fields if getattr(limits, name) != getattr(policy, name)]
    if "budget_usd" in fields or "budget_period" in fields:  # an amount is meaningless without its period
        fields = list(dict.fromkeys(["budget_usd", "budget_period", *fields]))
    return fields


def changes_between(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return what differs, as the trail has it: name -> [value before, value after]."""
    return {name: [_as_json(old[name]), _as_json(new[name])] for name in new if old[name] != new[name]}


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    return f"{value:f}" if isinstance(value, Decimal) else value


def digest_of(limits: Limits, override: LimitOverride | None) -> str:
    """Return what differs for a form that shows other limits, or another end that was set."""
    end = override and override.expires_at
    return sha256(repr((tuple(limits), end and end.isoformat())).encode()).hexdigest()[:20]


def usable_limits(kind: str, allowance: Allowance, override: LimitOverride | None = None) -> Limits:
    """Return what the policy, or the `override`, gives a key of this kind.

    KeyRefused ("models") where the key could call no model.
    """
    limits = overridden(limits_of(kind, allowance), override, allowance.granted_models)
    if limits.model_names is not None and not limits.model_names:
        if kind == Key.Kind.PLAYGROUND:
            raise KeyRefused("models.playground")
        raise KeyRefused("models")
    return limits


def limits_of_team(team: Team, kind: str) -> Limits:
    """Return the limits of a team's keys of this kind, which have no period.

    KeyRefused ("team.playground") where the team has no budget for the Playground.
    """
    budget_usd = team.playground_budget_usd if kind == Key.Kind.PLAYGROUND else team.key_budget_usd
    if budget_usd is None:
        raise KeyRefused("team.playground")
    return Limits(
        budget_usd=budget_usd,
        budget_period="",
        rpm_limit=team.rpm_limit,
        tpm_limit=team.tpm_limit,
        model_names=None if team.model_names is None else list(team.model_names),
    )


def limits_now(key: Key) -> Limits:
    """Return what a key is to have now: of its team, or else by its owner's policies; with what was set for it alone.

    Costs queries. KeyRefused where it could call no model.
    """
    if key.team is not None:
        return overridden(limits_of_team(key.team, key.kind), override_of(key))
    return usable_limits(key.kind, policy_of(key.owner), override_of(key))


def limits_on(key: Key) -> Limits:
    """Return the limits that were last written for a key."""
    return Limits(*(getattr(key, name) for name in Limits._fields))


def limits_in(info: KeyInfo) -> Limits:
    """Return a key's limits at the gateway, as near as a row can hold them."""
    return Limits(
        budget_usd=None if info.budget_usd is None else min(max(info.budget_usd, Decimal(0)), _LARGEST_USD),
        budget_period=(info.budget_duration or "")[:10],
        rpm_limit=None if info.rpm_limit is None else min(max(info.rpm_limit, 0), _LARGEST_LIMIT),
        tpm_limit=None if info.tpm_limit is None else min(max(info.tpm_limit, 0), _LARGEST_LIMIT),
        model_names=list(info.models) or None,
    )


def follow_limits(
    key: Key, actor: Actor, limits: Limits, *, duration: str | Unset = UNSET, why: str = "expires_sooner"
) -> bool:
    """Give `key` these limits, at the gateway and here, unless it has them; tell whether it had not. Again is harmless.

    The old secret of a rotation gets them too. With a `duration` the live one ends so long from now; `why` is the code
    of the trail for that.
    Raises KeyRefused ("busy"), GatewayUnavailable or GatewayRejected; a key that the gateway lacks is marked as gone.
    """
    if limits_on(key) == limits and duration is UNSET:
        return False
    token = claim(key)
    if duration is UNSET and limits_on(Key.objects.get(pk=key.pk)) == limits:  # another thread was faster
        release(key, repair=False)
        return False
    repair = False
    try:
        for old in key.in_state(Token.State.RETIRING):
            with suppress(GatewayNotFound):  # it may be deleted by now
                update_limits(key, old.token or "", limits)
        info = update_limits(key, token.token or "", limits, duration=duration)
    except GatewayNotFound:
        mark_gone(token)
    except GatewayError as error:
        repair = unknown = isinstance(error, GatewayUnavailable) and error.may_have_happened
        audit(actor, AuditAction.LIMIT, AuditOutcome.UNKNOWN if unknown else AuditOutcome.FAILED, key, error)
        raise
    else:
        end = {} if duration is UNSET else {"expires_at": info.expires_at}
        Key.objects.filter(pk=key.pk).update(**end, **limits._asdict())
        audit(actor, AuditAction.LIMIT, AuditOutcome.DONE, key, why if end else "")
    finally:
        release(key, repair=repair)
    return True


def update_limits(key: Key, token: str, limits: Limits, *, duration: str | Unset = UNSET) -> KeyInfo:
    """Set the limits of a token at the gateway, and with a `duration` its end, in one call."""
    info: KeyInfo = get_gateway().keys.update(
        token,
        duration=duration,
        budget_usd=limits.budget_usd,
        budget_duration=limits.budget_period or None,
        models=limits.model_names,
        rpm_limit=limits.rpm_limit,
        tpm_limit=limits.tpm_limit,
        spend_usd=UNSET if key.budget_period or key.team_id else Decimal(0),  # without a budget it counted all
    )
    return info
