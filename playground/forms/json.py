"""Fields of JSON. Errors name line and column, in words for people who rarely write JSON."""

import json
import re
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from playground import parameters

INTEGER_DIGITS: Final = 19  # of 64 bits

# The parser's messages, and ours.
JSON_FAULTS: Final = {
    "Expecting value": gettext_lazy("a value is missing here"),
    "Expecting property name enclosed in double quotes": gettext_lazy("a name in double quotes is expected here"),
    "Expecting ':' delimiter": gettext_lazy("a colon is expected here"),
    "Expecting ',' delimiter": gettext_lazy("a comma, or the closing bracket, is expected here"),
    "Extra data": gettext_lazy("nothing may follow here"),
    "Unterminated string starting at": gettext_lazy("this text has no closing quote"),
    "Invalid control character at": gettext_lazy("in a text, write a line break as \\n and a tab as \\t"),
    "Illegal trailing comma before end of object": gettext_lazy("this comma is one too many"),
    "Illegal trailing comma before end of array": gettext_lazy("this comma is one too many"),
}


class JsonField(forms.Field):
    """JSON, or None. Errors name line and column."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widget.attrs.update({"rows": 3, "spellcheck": "false", "autocomplete": "off"})

    def to_python(self, value: Any) -> Any:
        """Return the parsed value."""
        text = str(value or "").replace("\r\n", "\n")
        if not text.strip():
            return None
        if len(text) > parameters.JSON_CHARS:
            raise ValidationError(_("At most %(most)d characters."), "long", {"most": parameters.JSON_CHARS})
        return self.checked(_read_json(text))

    def checked(self, value: Any) -> Any:
        """Return the value if it has the expected form."""
        return value

    def prepare_value(self, value: Any) -> Any:
        """Format a stored value as people type it."""
        return value if value is None or isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _read_json(text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_int=_integer)
    except json.JSONDecodeError as fault:
        params = {"line": fault.lineno, "column": fault.colno, "fault": JSON_FAULTS.get(fault.msg, _("not readable"))}
        raise ValidationError(
            _("Not valid JSON: line %(line)d, column %(column)d: %(fault)s."), code="json", params=params
        ) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, deeply nested brackets
        raise _unusable() from None
    if _is_deeper(value, parameters.JSON_DEPTH):
        raise ValidationError(
            _("Brackets in brackets: at most %(most)d levels are allowed."), "deep", {"most": parameters.JSON_DEPTH}
        )
    if not _storable(value):
        raise _unusable()
    return value


def _is_deeper(value: Any, most: int) -> bool:
    """Tell whether lists and objects are nested deeper than `most`: level by level, without recursion."""
    level = [value]
    for _depth in range(most + 1):
        containers = [each for each in level if isinstance(each, dict | list)]
        level = [inner for each in containers for inner in (each.values() if isinstance(each, dict) else each)]
    return bool(containers)


def _integer(digits: str) -> int:
    """Return a whole number; refuse one that other JSON parsers cannot hold."""
    if len(digits.removeprefix("-")) > INTEGER_DIGITS:
        raise ValueError(digits[:INTEGER_DIGITS])
    return int(digits)


def _no_constant(name: str) -> None:
    raise ValidationError(_("Not valid JSON: %(name)s is not a number there."), code="json", params={"name": name})


def _unusable() -> ValidationError:
    return ValidationError(
        _("This JSON cannot be sent: it contains too large a number, too many nested brackets or invalid text."),
        code="json",
    )


def _storable(value: Any) -> bool:
    """Tell whether database and gateway accept it: no infinity, no huge number, no lone surrogate, no NUL."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError):
        return False
    return "\\u0000" not in text


class BiasField(JsonField):
    """Token numbers, each with −100 … 100."""

    def checked(self, value: Any) -> dict[str, float]:
        """Refuse anything but an object of numbers."""
        if not isinstance(value, dict):
            raise ValidationError(_("Enter a JSON object, for example {“50256”: −100}."), code="shape")
        if len(value) > parameters.BIASES:
            raise ValidationError(_("At most %(most)d tokens."), code="many", params={"most": parameters.BIASES})
        for token, bias in value.items():
            if not re.fullmatch(r"\d{1,9}", token, re.ASCII):
                raise ValidationError(_("“%(token)s” is not the number of a token."), "token", {"token": token[:60]})
            if isinstance(bias, bool) or not isinstance(bias, (int, float)) or not -100 <= bias <= 100:
                raise ValidationError(_("Token %(token)s: a number from −100 to 100."), "bias", {"token": token})
        return value
