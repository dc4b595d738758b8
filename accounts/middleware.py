"""Activates the person's language and time zone for each request, keeps the last use, takes the tick of the terms."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import translation

from accounts.locale import activate_for
from accounts.sessions import note_use
from accounts.terms import FIELD, accept_terms


def own_locale(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Activate the language and time zone of the signed-in person, after LocaleMiddleware.

    It costs no query: the person's row is read once for each request, to check the sign-in.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        activate_for(request.user)
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


class AcceptTerms:
    """Take the tick "I accept the terms of use" of any form, before its view: no view that makes keys can forget it.

    It stands after the checks of the CSRF token and of the sign-in.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer as the rest does."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> None:
        """Note it."""
        if request.method == "POST" and request.user.is_authenticated and (version := request.POST.get(FIELD)):
            accept_terms(request.user, version)
