"""When a key may be renewed, from its own dates. Only computes."""

from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.utils import timezone

from keys.models import Key, LimitOverride

LAST_MINUTE = time(23, 59)  # not midnight: the gateway counts from its own time of the call, a moment after ours


def last_moment_of(stay_ends_on: date) -> datetime:
    """Return when the last day of a stay (TIME_ZONE) ends for a key."""
    return datetime.combine(stay_ends_on, LAST_MINUTE, timezone.get_default_timezone())


def renewable_from(key: Key) -> datetime | None:
    """Return when renewal opens, which is also when the end is near; None for a key without an end.

    KEY_RENEW_BEFORE_DAYS before the end, but not before half of the key's lifetime is over: a short key is not
    renewable at once.
    """
    if key.expires_at is None:
        return None
    lifetime = key.expires_at - (key.lifetime_started_at or key.created_at)
    return key.expires_at - min(timedelta(days=settings.KEY_RENEW_BEFORE_DAYS), max(timedelta(0), lifetime / 2))


def ends_with_stay(key: Key) -> bool:
    """Tell whether the stay of its intern limits the key to its present end: renewal would gain nothing."""
    if key.stay_ends_on is None or key.expires_at is None:
        return False
    end = last_moment_of(key.stay_ends_on)
    return end <= timezone.now() or end - key.expires_at < timedelta(hours=1)


def own_end(override: LimitOverride, stay_ends_on: date | None) -> datetime | None:
    """Return the end that was set for a key, or that of the stay where it is earlier; None: none was set."""
    if override.expires_at is None or stay_ends_on is None:
        return override.expires_at
    return min(override.expires_at, last_moment_of(stay_ends_on))


def has_own_end(key: Key) -> bool:
    """Tell whether the end of the key was set; no query where its `override` was read with it."""
    override: LimitOverride | None = getattr(key, "override", None)  # the relation raises an AttributeError
    return override is not None and override.expires_at is not None


def renewable_until(key: Key) -> datetime | None:
    """Return when renewal closes and the key is deleted; None for a key without an end."""
    return key.expires_at and key.expires_at + timedelta(days=settings.KEY_RENEW_AFTER_DAYS)
