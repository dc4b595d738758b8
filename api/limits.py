"""The rate limits of the API: requests a minute, counted in the cache."""

import time
from dataclasses import dataclass
from typing import Final

from django.core.cache import cache
from django.utils.translation import gettext as _

from api.problems import Problem

WINDOW_S: Final = 60
KEPT_S: Final = 2 * WINDOW_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What is left of a limit in the present minute."""

    limit: int
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """Return the headers that name it."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }


def count_request(name: str, *, limit: int) -> Limit:
    """Count a request under `name`; raises Problem (429) when the minute's are used up."""
    window, passed_s = divmod(int(time.time()), WINDOW_S)
    count = _increment(f"api:{name}:{window}")
    found = Limit(limit=limit, remaining=max(0, limit - count), reset_s=WINDOW_S - passed_s)
    if count > limit:
        words = _("More than %(limit)d requests a minute. Try again in %(seconds)d seconds.")
        raise Problem(
            429,
            "rate_limited",
            words % {"limit": limit, "seconds": found.reset_s},
            headers={**found.headers(), "Retry-After": str(found.reset_s)},
        )
    return found


def _increment(name: str) -> int:
    """Return the count of this name, with this one."""
    if cache.add(name, 1, KEPT_S):
        return 1
    try:
        return int(cache.incr(name))
    except ValueError:  # it ended in between
        cache.set(name, 1, KEPT_S)
        return 1
