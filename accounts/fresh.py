"""A recent sign-in before actions that do much: a view is marked, and the middleware asks first (ADR 49).

The typed form is kept: in the page that asks, or for a round trip to the institution encrypted in the session, for its
person to send again.
"""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.http import HttpRequest

View = TypeVar("View", bound=Callable[..., Any])
SIGNED_IN_AT: Final = "signed_in_at"  # the name in the session of the time (s since 1970)
CONFIRM_FIELD: Final = "fresh_password"
KEPT: Final = "kept_form"  # the name in the session of a form that waits for its person to come back
MAX_CHARS: Final = 300_000  # of a kept form: a list of 2,000 people to invite has 200,000
MARK: Final = "needs_fresh_sign_in"
TRIES: Final = "10/10m/user"
ASK_AGAIN: Final = "fresh"  # the name in addresses and the state of a request to ask the person again


def needs_fresh_sign_in(when: Callable[[HttpRequest], bool] = lambda request: True) -> Callable[[View], View]:
    """Mark a view: its POST, where `when` says so, needs a sign-in within FRESH_SIGN_IN_MINUTES."""

    def mark(view: View) -> View:
        setattr(view, MARK, when)
        return view

    return mark


def is_asked_for(request: HttpRequest, view: Callable[..., Any]) -> bool:
    """Return whether this POST of a signed-in person needs a fresher sign-in than its session has."""
    if not settings.FRESH_SIGN_IN_MINUTES:
        return False
    when = getattr(view, MARK, None)
    match = request.resolver_match
    is_admin = match is not None and match.app_name == "admin" and match.url_name != "logout"
    return (is_admin or (when is not None and when(request))) and not is_fresh(request)


def forget_kept_form(request: HttpRequest) -> None:
    """Drop the kept form when one is sent."""
    if KEPT in request.session and request.session[KEPT]["address"] == request.get_full_path():
        del request.session[KEPT]


def is_fresh(request: HttpRequest) -> bool:
    """Return whether the person signed in, or confirmed who they are, recently enough."""
    signed_in_at = request.session.get(SIGNED_IN_AT)
    return isinstance(signed_in_at, float) and time.time() - signed_in_at < settings.FRESH_SIGN_IN_MINUTES * 60


def note_sign_in(request: HttpRequest, login: SocialLogin | None = None) -> None:
    """Keep when the person signed in: now, or when the identity provider asked them.

    A provider may let in silently whoever has a session there: where it does not say when it asked, the sign-in is
    recent only if it was requested to ask again.
    """
    at = now = time.time()
    if login is not None:
        asked_at = getattr(login, "auth_time", None)
        if isinstance(asked_at, int | float):
            at = float(min(max(asked_at, 0), now))
        elif not login.state.get(ASK_AGAIN):
            at = 0.0
    request.session[SIGNED_IN_AT] = at
