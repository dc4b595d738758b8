"""The lifetime of keys, and the actions that it allows now. Only computes."""

from datetime import date, datetime, timedelta

from django.utils import timezone

from accounts.policies import Allowance, KeyAllowance
from keys.models import Key, LimitOverride
from keys.renewal import ends_with_stay, has_own_end, last_moment_of, own_end, renewable_from, renewable_until
from keys.services.refusals import KeyRefused


def lifetime_of(kind: str, allowance: Allowance, stay_ends_on: date | None) -> timedelta:
    """Return the lifetime of a key created or renewed now: by policy, but not beyond its intern's last day."""
    rule = allowance.rules[kind]
    if not rule.allowed:
        raise KeyRefused("playground" if kind == Key.Kind.PLAYGROUND else "kind")
    lifetime = longest_life(rule)
    if lifetime <= timedelta(0):
        raise KeyRefused("over", when=rule.ends_at and rule.ends_at.isoformat())
    if stay_ends_on is None:
        return lifetime
    left = last_moment_of(stay_ends_on) - timezone.now()
    if left <= timedelta(0):
        raise KeyRefused("stay_over")
    return min(lifetime, left)


def longest_life(rule: KeyAllowance) -> timedelta:
    """Return the longest lifetime from now under its rule; zero or negative once the end of all such keys is past."""
    lifetime = timedelta(days=rule.lifetime_days)
    return lifetime if rule.ends_at is None else min(lifetime, rule.ends_at - timezone.now())


def latest_end(key: Key, rule: KeyAllowance) -> datetime:
    """Return when the present lifetime of a key is over under its rule; only a renewal begins another."""
    end = (key.lifetime_started_at or key.created_at) + timedelta(days=rule.lifetime_days)
    return end if rule.ends_at is None else min(end, rule.ends_at)


def end_set_for(key: Key, override: LimitOverride | None, rule: KeyAllowance) -> datetime | None:
    """Return the end that was set for a key, or that of the stay where it is earlier.

    None: none was set, or by an owner whose policy no longer allows one that late.
    """
    if override is None:
        return None
    end = own_end(override, key.stay_ends_on)
    is_beyond = override.within_policy and end is not None and end > latest_end(key, rule)
    return None if is_beyond else end


def as_duration(lifetime: timedelta) -> str:
    """Format a lifetime as LiteLLM reads it: in days if they are whole, otherwise in seconds."""
    seconds = max(1, int(lifetime.total_seconds()))
    return f"{seconds // 86400}d" if seconds % 86400 == 0 else f"{seconds}s"


def is_kept(asked: str | None, expires_at: datetime | None) -> bool:
    """Tell whether a key created now with the duration `asked` (of `as_duration`; None: without end) ends as requested.

    LiteLLM 1.80.11 rounds to the calendar: 30 days end with the month. Clocks may differ by some minutes.
    """
    if asked is None or expires_at is None:
        return asked is None and expires_at is None
    lifetime = timedelta(days=int(asked[:-1])) if asked.endswith("d") else timedelta(seconds=int(asked[:-1]))
    return abs(timezone.now() + lifetime - expires_at) <= max(timedelta(hours=1), lifetime / 10)


def is_expired(key: Key) -> bool:
    """Tell whether an active key's end has passed."""
    return key.expires_at is not None and key.expires_at <= timezone.now()


def is_renewable(key: Key) -> bool:
    """Tell whether the key is in its renewal window; the policy is checked during the renewal."""
    start = renewable_from(key)
    return is_extendable(key) and start is not None and start <= timezone.now()


def is_extendable(key: Key) -> bool:
    """Tell whether an early renewal is possible and would gain something: for admins."""
    end = renewable_until(key)
    if end is None or key.state != Key.State.ACTIVE or key.kind == Key.Kind.EXTERNAL or key.team_id:
        return False
    is_blocked = key.blocked and not key.is_paused
    return timezone.now() <= end and not (is_blocked or ends_with_stay(key) or has_own_end(key))


def is_rotatable(key: Key) -> bool:
    """Tell whether the secret can be replaced: the key works, and no rotation is in progress."""
    return may_end_leak(key) and not key.blocked and not key.in_state("retiring", "deleting")


def may_end_leak(key: Key) -> bool:
    """Tell whether the secret can be replaced at once: the key works, or is paused, also during a rotation's grace."""
    ours = key.kind in Key.KINDS_FOR_PROGRAMS  # nobody has the secret of a Playground key
    is_blocked = key.blocked and (not key.is_paused or key.blocked_for_budget)
    works = key.state == Key.State.ACTIVE and not is_blocked and not is_expired(key)
    return ours and works and not key.in_state("issuing")
