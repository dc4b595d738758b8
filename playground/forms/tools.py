"""The field of tools: OpenAI's list of functions, and no other kind of tool that a gateway may accept."""

from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from playground import parameters
from playground.forms.fields import NAME
from playground.forms.json import JsonField

RESERVED: Final = "litellm"  # LiteLLM calls such functions itself: litellm_web_search
KINDS: Final[Mapping[str, type]] = {"name": str, "description": str, "parameters": dict, "strict": bool}


class ToolsField(JsonField):
    """A list of functions. Servers, web search and the like are refused: the gateway would make calls elsewhere."""

    def checked(self, value: Any) -> list[dict[str, Any]]:
        """Return the functions, each with only the fields of the API."""
        if not isinstance(value, list) or not value:
            raise ValidationError(_("Enter a JSON list of functions: [{…}, {…}]."), code="shape")
        if len(value) > parameters.TOOLS:
            raise ValidationError(_("At most %(most)d functions."), "many", {"most": parameters.TOOLS})
        tools = [_tool(number, tool) for number, tool in enumerate(value, start=1)]
        names = [tool["function"]["name"] for tool in tools]
        if len(set(names)) < len(names):
            raise ValidationError(_("Two functions have the same name."), code="twice")
        return tools


def _tool(number: int, tool: Any) -> dict[str, Any]:
    if not isinstance(tool, dict) or tool.get("type") != "function":
        raise ValidationError(_("Tool %(number)d: its “type” must be “function”."), "type", {"number": number})
    function = tool.get("function")
    if not isinstance(function, dict):
        raise ValidationError(
            _("Tool %(number)d: “function” is missing, an object with name, description and parameters."),
            code="function",
            params={"number": number},
        )
    _refuse_others(number, tool.keys() - {"type", "function"})
    _refuse_others(number, function.keys() - KINDS.keys())
    return {"type": "function", "function": _function(number, function)}


def _function(number: int, function: dict[str, Any]) -> dict[str, Any]:
    if not NAME.fullmatch(str(function.get("name", ""))):
        raise ValidationError(
            _("Tool %(number)d: “name” is up to 64 letters, digits, _ or -, without accents."),
            code="name",
            params={"number": number},
        )
    if function["name"].lower().startswith(RESERVED):
        raise ValidationError(
            _("Tool %(number)d: the gateway keeps names that begin with “%(name)s” for itself."),
            code="reserved",
            params={"number": number, "name": RESERVED},
        )
    for name, kind in KINDS.items():
        if name in function and not isinstance(function[name], kind):
            raise ValidationError(
                _("Tool %(number)d: “%(name)s” is not of the right kind."),
                code="kind",
                params={"number": number, "name": name},
            )
    return function


def _refuse_others(number: int, names: set[str]) -> None:
    if names:
        raise ValidationError(
            _("Tool %(number)d: “%(name)s” is not part of a function."),
            code="unknown",
            params={"number": number, "name": min(names)[:60]},
        )
