"""A course's preset as code: the first call of the courses' pages (courses.first_call); PRESET_CODE names it."""

from typing import Any

from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from courses.models import Preset
from keys.snippets import Snippet
from playground.as_code import code_for
from playground.models import Message
from playground.services.requests import chat_request


@sensitive_variables("secret")
def snippets_of(preset: Preset, secret: str | None = None) -> list[Snippet]:
    """Return a call with the preset's model, system prompt and parameters in every language that can make it."""
    return code_for("chat", request_of(preset), secret=secret)


def request_of(preset: Preset) -> dict[str, Any]:
    """Return the body of a greeting with the preset."""
    greeting = Message(text=_("Say hello in one sentence."))
    greeting.sent_files = []
    return chat_request(preset.params, [(greeting, None)]).as_json()
