"""Fields of the parameters: lenient in how things are typed, plain about what is wrong and where."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from gateway.secret import redact
from playground import parameters
from playground.parameters import Parameter
from playground.services.requests import REFUSABLE

NUMBER: Final = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)", re.ASCII)
WHOLE: Final = re.compile(r"[+-]?\d{1,20}", re.ASCII)
MINUSES: Final = str.maketrans({"\u2212": "-", "\u2013": "-"})  # as pages and word processors write them

# The parser's words, and ours.
JSON_FAULTS: Final = {
    "Expecting value": _lazy("a value is missing here"),
    "Expecting property name enclosed in double quotes": _lazy("a name in double quotes belongs here"),
    "Expecting ':' delimiter": _lazy("a colon belongs here"),
    "Expecting ',' delimiter": _lazy("a comma, or the closing bracket, belongs here"),
    "Extra data": _lazy("nothing may follow here"),
    "Unterminated string starting at": _lazy("this text has no closing quote"),
    "Invalid control character at": _lazy("in a text, write a line break as \\n and a tab as \\t"),
    "Illegal trailing comma before end of object": _lazy("this comma is one too many"),
    "Illegal trailing comma before end of array": _lazy("this comma is one too many"),
}
# Names that LiteLLM reads out of metadata: licensed features, and where and with which keys its logs are sent.
METADATA_TAKEN: Final = {"tags", "guardrails", "policies", "headers", "priority"}
METADATA_TAKEN_BEGIN: Final = (
    *("litellm", "user_api_key", "requester", "spend_logs", "mcp_", "turn_off", "disable_", "opted_out", "applied_"),
    *("langfuse", "langsmith", "gcs_", "humanloop", "arize", "posthog", "wandb", "weave", "dd_", "model_", "slack_"),
)


class TextField(forms.CharField):
    """A text of several lines, as typed: line ends are made alike, blanks at both ends are kept."""

    widget = forms.Textarea

    def __init__(self, *, max_length: int | None = None, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)
        if max_length is not None:
            self.allow_at_most(max_length)

    def allow_at_most(self, characters: int) -> None:
        """Refuse longer texts, with their length."""
        words = _lazy("This has %(show_value)d characters. %(limit_value)d are allowed: shorten it.")
        self.validators.append(MaxLengthValidator(characters, message=words))

    def to_python(self, value: Any) -> str:
        """Return the text with single line ends and without NUL, which no database keeps; "" when it is blank."""
        text = (super().to_python(value) or "").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        return text if text.strip() else ""


class NumberField(forms.Field):
    """A number in its range, or None. A decimal comma, and blanks between thousands, are understood."""

    widget = forms.TextInput

    def __init__(self, parameter: Parameter, **kwargs: Any) -> None:
        self.parameter = parameter
        self.whole = parameter.kind == "whole"
        super().__init__(**kwargs)
        self.widget.attrs.update({"inputmode": "numeric" if self.whole else "decimal", "autocomplete": "off"})

    def to_python(self, value: Any) -> float | int | None:
        """Return the number; refuse what is none, or is outside of the range."""
        text = "".join(str(value if value is not None else "").split()).translate(MINUSES)
        if not text:
            return None
        if not (WHOLE if self.whole else NUMBER).fullmatch(text):
            raise ValidationError(_("A whole number, please.") if self.whole else _("A number, please."), code="number")
        number = int(text) if self.whole else float(text.replace(",", "."))
        self.check_range(number)
        return number

    def prepare_value(self, value: Any) -> Any:
        """Show a stored number as it is typed: 1.0 as 1, and never with an exponent."""
        return f"{Decimal(repr(value)).normalize():f}" if isinstance(value, float) else value

    def check_range(self, number: float) -> None:
        """Refuse what is too low or too high."""
        low, high = self.parameter.low, self.parameter.high
        if low is not None and high is not None and not low <= number <= high:
            raise ValidationError(
                _("From %(low)s to %(high)s, please."), code="range", params={"low": low, "high": high}
            )


class JsonField(forms.Field):
    """JSON, or None. What is wrong is told with its line and column."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widget.attrs.update({"rows": 3, "spellcheck": "false", "autocomplete": "off"})

    def to_python(self, value: Any) -> Any:
        """Return what the text says."""
        text = str(value or "").replace("\r\n", "\n")
        if not text.strip():
            return None
        if len(text) > parameters.JSON_CHARS:
            raise ValidationError(_("At most %(most)d characters."), "long", {"most": parameters.JSON_CHARS})
        return self.checked(_read_json(text))

    def checked(self, value: Any) -> Any:
        """Return the value when it has the form that is wanted."""
        return value

    def prepare_value(self, value: Any) -> Any:
        """Show what is stored as people would type it."""
        return value if value is None or isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _read_json(text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as fault:
        params = {"line": fault.lineno, "column": fault.colno, "fault": JSON_FAULTS.get(fault.msg, _("not readable"))}
        raise ValidationError(
            _("Not valid JSON: line %(line)d, column %(column)d: %(fault)s."), code="json", params=params
        ) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets in brackets in brackets
        raise _unusable() from None
    if not _storable(value):
        raise _unusable()
    return value


def _no_constant(name: str) -> None:
    raise ValidationError(_("Not valid JSON: %(name)s is not a number there."), code="json", params={"name": name})


def _unusable() -> ValidationError:
    return ValidationError(
        _("This JSON has something in it that cannot be sent: a number too large, brackets too deep, broken text."),
        code="json",
    )


def _storable(value: Any) -> bool:
    """Tell whether a database and the gateway take it: no infinity, no half of a character, no NUL."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError):
        return False
    return "\\u0000" not in text


class ModelsOwnField(forms.TypedChoiceField):
    """A choice whose first is that nothing is sent; `true` and `false` become what they say."""

    MEANS: Final[Mapping[str, str | bool]] = {"true": True, "false": False}

    def __init__(self, parameter: Parameter, **kwargs: Any) -> None:
        means = self.MEANS
        super().__init__(
            choices=parameter.choices, coerce=lambda said: means.get(said, said), empty_value=None, **kwargs
        )

    def prepare_value(self, value: Any) -> Any:
        """Show a stored truth as its choice."""
        return str(value).lower() if isinstance(value, bool) else value


class BiasField(JsonField):
    """Token numbers, each with −100 … 100."""

    def checked(self, value: Any) -> dict[str, float]:
        """Refuse all but an object of numbers."""
        if not isinstance(value, dict):
            raise ValidationError(_("A JSON object is wanted, for example {“50256”: −100}."), code="shape")
        if len(value) > parameters.BIASES:
            raise ValidationError(_("At most %(most)d tokens."), code="many", params={"most": parameters.BIASES})
        for token, bias in value.items():
            if not re.fullmatch(r"\d{1,9}", token, re.ASCII):
                raise ValidationError(_("“%(token)s” is not the number of a token."), "token", {"token": token[:60]})
            if isinstance(bias, bool) or not isinstance(bias, (int, float)) or not -100 <= bias <= 100:
                raise ValidationError(_("Token %(token)s: a number from −100 to 100."), "bias", {"token": token})
        return value


class StopField(TextField):
    """Texts, one a line, in which \\n, \\t and \\\\ mean a line break, a tab and a backslash."""

    MEANS: Final = {"n": "\n", "t": "\t", "\\": "\\"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=parameters.STOPS * parameters.STOP_CHARS * 2, **kwargs)
        self.widget.attrs.update({"rows": 2})

    def clean(self, value: Any) -> list[str]:
        """Return the texts."""
        lines = [line for line in super().clean(value).split("\n") if line.strip()]
        if len(lines) > parameters.STOPS:
            raise ValidationError(_("At most %(most)d texts, one a line."), "many", {"most": parameters.STOPS})
        if any(len(line) > parameters.STOP_CHARS for line in lines):
            raise ValidationError(_("At most %(most)d characters a line."), "long", {"most": parameters.STOP_CHARS})
        return [re.sub(r"\\([nt\\])", lambda found: self.MEANS[found[1]], line) for line in lines]

    def prepare_value(self, value: Any) -> Any:
        """Show stored texts as people would type them."""
        if not isinstance(value, list):
            return value
        written = (text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t") for text in value)
        return "\n".join(written)


class MetadataField(TextField):
    """Lines of `name = value`."""

    def __init__(self, **kwargs: Any) -> None:
        line = parameters.METADATA_NAME_CHARS + parameters.METADATA_VALUE_CHARS + 5
        super().__init__(max_length=parameters.METADATA_LINES * line, **kwargs)
        self.widget.attrs.update({"rows": 2})

    def clean(self, value: Any) -> dict[str, str]:
        """Return the pairs; each fault is told with its line."""
        pairs: dict[str, str] = {}
        for number, line in enumerate(super().clean(value).split("\n"), start=1):
            if line.strip():
                name, said = _pair(number, line)
                pairs[name] = said
        if len(pairs) > parameters.METADATA_LINES:
            raise ValidationError(_("At most %(most)d lines."), "many", {"most": parameters.METADATA_LINES})
        return pairs

    def prepare_value(self, value: Any) -> Any:
        """Show stored pairs as lines."""
        return "\n".join(f"{name} = {said}" for name, said in value.items()) if isinstance(value, dict) else value


def _pair(number: int, line: str) -> tuple[str, str]:
    name, equals, said = (part.strip() for part in line.partition("="))
    if not (name and equals and said):
        raise ValidationError(_("Line %(line)d: write it as name = value."), "pair", {"line": number})
    if len(name) > parameters.METADATA_NAME_CHARS or len(said) > parameters.METADATA_VALUE_CHARS:
        raise ValidationError(
            _("Line %(line)d is too long: %(name)d characters for the name, %(value)d for the value."),
            code="long",
            params={
                "line": number,
                "name": parameters.METADATA_NAME_CHARS,
                "value": parameters.METADATA_VALUE_CHARS,
            },
        )
    if name.lower() in METADATA_TAKEN or name.lower().startswith(METADATA_TAKEN_BEGIN):
        raise ValidationError(_("Line %(line)d: the gateway keeps this name for itself."), "taken", {"line": number})
    if redact(line) != line:
        raise ValidationError(
            _("Line %(line)d has a key in it. Take it out: the gateway would log it."), "secret", {"line": number}
        )
    return name, said


class WithoutInput(forms.HiddenInput):
    """A hidden input that may come several times."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Return all that came, joined by commas."""
        return ",".join(data.getlist(name)) if isinstance(data, MultiValueDict) else data.get(name)


class WithoutField(forms.Field):
    """Names of what is left out because the model refused it; no person types them, so that others are passed over."""

    widget = WithoutInput

    def to_python(self, value: Any) -> list[str]:
        """Return the names, sorted."""
        names = value if isinstance(value, list) else str(value or "").split(",")
        return sorted({name.strip() for name in names} & REFUSABLE)

    def prepare_value(self, value: Any) -> Any:
        """Show stored names as they are sent."""
        return ",".join(value) if isinstance(value, list) else value
