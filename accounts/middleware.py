"""Activates the language and time zone of the person for each request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import translation

from accounts.locale import activate_for


def own_locale(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Activate the language and time zone of the signed-in person, after LocaleMiddleware.

    It costs no query: the person's row is read once for each request, to check the sign-in.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        activate_for(request.user)
        request.LANGUAGE_CODE = translation.get_language()
        return get_response(request)

    return middleware
