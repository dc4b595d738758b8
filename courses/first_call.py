"""The first call that a course gives with a key: with its first preset, or with a model of the key.

What a preset is as code is known to the Playground, a layer above: the setting PRESET_CODE names it.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from courses.models import Course, Preset
from keys.snippets import Snippet, base_url, filled, snippets_for

WITHOUT_REQUEST: Final = "env"  # a kind that has base URL and key only
LONGEST_ON_CARD: Final = 800  # characters of a command


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstCall:
    """Code in several languages, and the preset that is in it. May contain a secret: show it once, store it nowhere."""

    preset: Preset | None
    snippets: list[Snippet] = field(repr=False)


@sensitive_variables("secret", "plain")
def first_call(course: Course, models: Collection[str] | None, *, secret: str) -> FirstCall:
    """Return the code for a key of the course with these models (None: all)."""
    usable = (preset for preset in course.presets.all() if models is None or preset.model in models)
    preset = next(usable, None)
    plain = snippets_for("chat", models=models, secret=secret)
    if preset is None:
        return FirstCall(preset=None, snippets=plain)
    as_code = import_string(settings.PRESET_CODE)(preset, secret)
    return FirstCall(preset=preset, snippets=[*as_code, *(each for each in plain if each.id == WITHOUT_REQUEST)])


@sensitive_variables("secret", "code")
def call_for_card(course: Course, *, secret: str) -> str:
    """Return the command of a card; one that is too long for it has the preset's model, without its prompt."""
    models = course.team.model_names
    call = first_call(course, models, secret=secret)
    code = _curl(call.snippets)
    if call.preset is None or len(code) <= LONGEST_ON_CARD:
        return code
    return _curl(filled("chat", url=base_url(), model=call.preset.model, secret=secret))


@sensitive_variables("snippets")
def _curl(snippets: list[Snippet]) -> str:
    return next(snippet.code for snippet in snippets if snippet.id == "curl")
