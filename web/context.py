"""Context of every page."""

from django.conf import settings
from django.http import HttpRequest

from web.request import referrer_policy

THEMES = ("light", "dark")


def portal(request: HttpRequest) -> dict[str, object]:
    """Return the colours chosen ("light", "dark", or "" to follow the system), referrer policy and version."""
    chosen = request.COOKIES.get(settings.THEME_COOKIE_NAME, "")
    theme = chosen if chosen in THEMES else ""
    return {"theme": theme, "referrer_policy": referrer_policy(request), "portal_version": settings.VERSION}
