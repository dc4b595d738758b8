"""A link that opens the Playground with model, system prompt and parameters filled in: a teacher's preset.

The link is validated like typed input: what the form would refuse is dropped and named, the rest
is filled in. Opening it sends nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.http import QueryDict

from keys.models import GatewayModel
from playground.forms import AskForm, typed_value
from playground.parameters import PARAMETERS, PERSONAL
from playground.services.requests import OF_TOOLS

NAMES: Final = ("model", "system", *(name for name in PARAMETERS if name not in PERSONAL))
NEVER: Final = ("user", "name", *PERSONAL, "message", "images")  # named when in a link: somebody relied on them
LINK_CHARS: Final = 3500  # the web server reads 4094 of the whole line


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """The content of a link: valid values, and the names of invalid ones."""

    params: dict[str, Any]
    dropped: list[str]


def from_query(query: QueryDict, *, models: Sequence[GatewayModel]) -> Preset:
    """Read a link's query; unknown names are ignored."""
    given = QueryDict(mutable=True)
    for name in NAMES:
        typed = query.get(name, "")
        if typed.strip():
            given[name] = typed
    never = [name for name in NEVER if name in query]
    if not given:  # as nearly always
        return Preset(params={}, dropped=never)
    form = AskForm(given, models=models, with_message=False)
    form.is_valid()
    wrong = [name for name in given if name in form.errors]
    return Preset(params=form.params(), dropped=wrong + never)


def from_params(params: Mapping[str, Any], *, models: Sequence[GatewayModel]) -> Preset:
    """Read the values of a course's preset, as if they were a link's."""
    query = QueryDict(mutable=True)
    query.update({name: typed_value(name, value) for name, value in params.items()})
    return from_query(query, models=models)


def to_query(params: Mapping[str, Any]) -> str | None:
    """Return the query that fills in the form like this; None when it is too long for a link.

    It has neither refused parameters nor personal ones: metadata.
    """
    refused = set(params.get("without", ()))
    if "tools" in refused:
        refused.update(OF_TOOLS)
    typed = [
        (name, typed_value(name, params[name])) for name in NAMES if name in params and _sent_as(name) not in refused
    ]
    query = urlencode(typed)
    return query if len(query) <= LINK_CHARS else None


def _sent_as(name: str) -> str:
    return PARAMETERS[name].sent_as if name in PARAMETERS else name
