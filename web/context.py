"""Context of every page."""

from django.conf import settings
from django.http import HttpRequest

from web.request import referrer_policy

THEMES = ("light", "dark")


def portal(request: HttpRequest) -> dict[str, object]:
    """Return the person's choice of colours ("light", "dark", or "" to follow the system), and the referrer policy."""
    chosen = request.COOKIES.get(settings.THEME_COOKIE_NAME, "")
    return {"theme": chosen if chosen in THEMES else "", "referrer_policy": referrer_policy(request)}
