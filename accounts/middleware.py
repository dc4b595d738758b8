"""Activates the person's language and time zone for each request, keeps the last use, takes the tick of the terms."""

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation

from accounts.fresh import forget_kept_form, is_asked_for
from accounts.fresh_views import confirm, drop_password
from accounts.locale import activate_for
from accounts.models import User
from accounts.second_factor import owes_second_factor
from accounts.sessions import note_use
from accounts.terms import FIELD, accept_terms
from gateway import log_context
from web.middleware import page_before
from web.redirects import with_next


def own_locale(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Activate the language and time zone of the signed-in person, after LocaleMiddleware; note who it is for the log.

    It costs no query: the person's row is read once for each request, to check the sign-in.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        activate_for(request.user)
        if request.user.is_authenticated:
            log_context.note(person=request.user.pk)
        request.LANGUAGE_CODE = translation.get_language()
        return get_response(request)

    return middleware


def note_last_use(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Keep when a session was last used, for the person's list; after the view, which may change the session's key."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.session.accessed:
            note_use(request)
        return response

    return middleware


class BeforeView:
    """Does something between the checks of CSRF token and sign-in, and the view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer as the rest does."""
        return self.get_response(request)


def needs_sign_in(view: Callable[..., Any]) -> bool:
    """Return whether only people who are signed in come to the view."""
    return bool(getattr(view, "login_required", True))


class SecondFactorFirst(BeforeView):
    """Lead people who can administer, and have to have a second factor, to setting it up before anything else."""

    OPEN: Final = {"account_second_factor", "account_totp", "account_add_security_key"}

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: object) -> HttpResponse | None:
        """Redirect to the page of second factors, except from pages that need no sign-in."""
        is_open = request.resolver_match is not None and request.resolver_match.view_name in self.OPEN
        if is_open or not needs_sign_in(view) or not owes_second_factor(request):
            return None
        page = request.get_full_path() if request.method in ("GET", "HEAD") else page_before(request)
        return redirect(with_next(reverse("account_second_factor"), page))


class FreshSignIn(BeforeView):
    """Ask who the person is before actions that do much, where the sign-in is not recent (accounts.fresh)."""

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: object) -> HttpResponse | None:
        """Answer with the page that asks, unless the form comes with the right password."""
        if not needs_sign_in(view) or request.method != "POST" or not isinstance(request.user, User):
            return None
        if is_asked_for(request, view):
            return confirm(request, request.user)
        drop_password(request)  # of a second click, or of a form that another window was faster than
        forget_kept_form(request)
        return None


class AcceptTerms(BeforeView):
    """Take the tick "I accept the terms of use" of any form, before its view: no view that makes keys can forget it."""

    def process_view(self, request: HttpRequest, *_: object) -> None:
        """Note it."""
        if request.method == "POST" and request.user.is_authenticated and (version := request.POST.get(FIELD)):
            accept_terms(request.user, version)
