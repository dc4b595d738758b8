"""Common to pages with a text in each language."""

from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import get_language_info

from accounts.models import Announcement, Terms
from keys.services import TooManyActions


def preview_of(row: Announcement | Terms) -> list[dict[str, str]]:
    """Return the text of a row in each language, with the language's own name."""
    return [
        {
            "code": code,
            "name": get_language_info(code)["name_local"].capitalize(),
            "text": getattr(row, f"text_{code}"),
        }
        for code, _name in settings.LANGUAGES
    ]


def too_many(response: HttpResponse, refusal: TooManyActions) -> HttpResponse:
    """Say when the next action is possible."""
    response.headers["Retry-After"] = str(refusal.retry_after_s)
    return response
