"""Limits on sign-in attempts. Failed attempts slow down, and lock nobody out (ADR 11).

Attempts are counted for a name together with their origin, so that a stranger's do not count against the person,
and, with a much higher limit, for the name alone and for the address alone. A browser in which the person has signed
in before has its own count. The `Host` header plays no part. Names count as typed, whether the account exists or not.
"""

import unicodedata
from typing import Any, Final

from allauth.core.internal import ratelimit
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string, salted_hmac

from accounts.models import User

FROM_ONE_PLACE: Final = "5/5m/key"  # attempts with one name, from one address or known browser
WITH_ONE_NAME: Final = "300/h/key"  # from all addresses together
FROM_ONE_ADDRESS: Final = "60/m/ip"  # whatever the names: a class of a hundred shares one address
SLOWLY: Final = "1/30s/key"  # after the first or the second of these
CODES: Final = "5/5m/key,20/h/key,50/d/key"  # of one person's second factor, after the right password
SECURITY_KEYS: Final = "20/5m/key"  # their answers: nobody guesses one
WRONG_CODES: Final = "20/h/user"  # of courses: typed or copied badly, not tried one after another
BROWSER_AGE_S: Final = 90 * 24 * 3600
NAMES_OF_A_BROWSER: Final = 10  # user name and address of five people
_SALT: Final = "accounts.limits.browser"


def begin_try(request: HttpRequest, login: str) -> ratelimit.RateLimitUsage | None:
    """Count a sign-in attempt; None: too many, refuse it. Roll back the usage of one that succeeds."""
    name = _digest(login)
    browser = _browser_of(request)
    known = name in browser["names"]
    place = browser["id"] if known else ratelimit.get_ip(request)
    usage = _slowed_after(FROM_ONE_PLACE, request, f"{place} {name}")
    if usage is None or known:
        return usage
    for more in (
        _consume(FROM_ONE_ADDRESS, request, name),
        _slowed_after(WITH_ONE_NAME, request, name),
    ):
        if more is None:
            usage.rollback()
            return None
        usage.usage += more.usage
    return usage


def begin_second_factor(request: HttpRequest, person: User, *, rate: str) -> ratelimit.RateLimitUsage | None:
    """Count a try of a second factor; None: too many, refuse it. Roll back the usage of one that was right."""
    config = {"second_factor": rate}
    key = f"{rate} {person.pk}"
    return ratelimit.consume(request, app="accounts", action="second_factor", config=config, key=key)


def is_within_limit(request: HttpRequest, action: str, rate: str) -> bool:
    """Count a visit of an address ("60/m/ip") or person ("20/h/user"), and tell whether it is an allowed one."""
    usage = ratelimit.consume(request, app="accounts", action=action, config={action: rate}, limit_get=True)
    return usage is not None


def remember_browser(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Set a cookie that proves, for 90 days, that this person has signed in with the browser."""
    browser = _browser_of(request)
    theirs = [_digest(name) for name in (user.username, user.email) if name]
    others = [name for name in browser["names"] if name not in theirs]
    response.set_cookie(
        settings.BROWSER_COOKIE_NAME,
        signing.dumps({"id": browser["id"], "names": [*theirs, *others][:NAMES_OF_A_BROWSER]}, salt=_SALT),
        max_age=BROWSER_AGE_S,
        path=settings.PORTAL_PATH,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )


def _browser_of(request: HttpRequest) -> dict[str, Any]:
    """Return the content of the cookie: its id, and digests of the names that have signed in with it."""
    try:
        browser: dict[str, Any] = signing.loads(
            request.COOKIES.get(settings.BROWSER_COOKIE_NAME, ""), salt=_SALT, max_age=BROWSER_AGE_S
        )
    except signing.BadSignature:
        return {"id": get_random_string(22), "names": []}
    return browser


def _digest(login: str) -> str:
    """Return a digest of a name, in any spelling; the cookie shows no names."""
    name = unicodedata.normalize("NFKC", login).strip().casefold()
    return salted_hmac(_SALT, name.encode(errors="replace")).hexdigest()[:20]


def _slowed_after(rate: str, request: HttpRequest, key: str) -> ratelimit.RateLimitUsage | None:
    """Count by the rate, and when that is used up by the slow one."""
    return _consume(rate, request, key) or _consume(SLOWLY, request, f"{rate} {key}")


def _consume(rate: str, request: HttpRequest, key: str) -> ratelimit.RateLimitUsage | None:
    return ratelimit.consume(request, app="accounts", action="sign_in", config={"sign_in": rate}, key=key)
