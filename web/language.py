"""The language cookie of a browser: for people who are not signed in, or have chosen none in their account."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def remember_language(request: HttpRequest, response: HttpResponse, language: str) -> None:
    """Store a choice of language in a cookie, as if this request had come with it; "" removes it."""
    name = settings.LANGUAGE_COOKIE_NAME
    if not language:
        request.COOKIES.pop(name, None)
        response.delete_cookie(name, path=settings.PORTAL_PATH, samesite="Lax")
        return
    request.COOKIES[name] = language
    response.set_cookie(
        name,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path=settings.PORTAL_PATH,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )
