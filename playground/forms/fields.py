"""Fields for texts, numbers and choices: lenient about formats, clear about errors."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from playground.parameters import Parameter
from playground.services.requests import REFUSABLE

NUMBER: Final = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)", re.ASCII)
WHOLE: Final = re.compile(r"[+-]?\d{1,20}", re.ASCII)
NAME: Final = re.compile(r"[\w-]{1,64}", re.ASCII)  # of a function, or of who says a message
SURROGATES: Final = re.compile("[\ud800-\udfff]")
MINUSES: Final = str.maketrans({"\u2212": "-", "\u2013": "-"})  # as pages and word processors write them


class TextField(forms.CharField):
    """A text of several lines, as typed: line ends are normalised, white space at both ends is kept."""

    widget = forms.Textarea

    def __init__(self, *, max_length: int | None = None, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)
        if max_length is not None:
            self.allow_at_most(max_length)

    def allow_at_most(self, characters: int) -> None:
        """Refuse longer texts, with their length."""
        words = gettext_lazy("This has %(show_value)d characters. %(limit_value)d are allowed: shorten it.")
        self.validators.append(MaxLengthValidator(characters, message=words))

    def to_python(self, value: Any) -> str:
        """Return the text with single line ends and without NUL, which databases refuse; "" when it is blank.

        A lone surrogate is refused: it cannot be encoded.
        """
        text = (super().to_python(value) or "").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        if SURROGATES.search(text):
            raise ValidationError(
                _("This contains invalid characters. Type it again instead of pasting it."), code="broken"
            )
        return text if text.strip() else ""


class NameField(forms.CharField):
    """The name of who says a message, as the gateway's API takes it."""

    widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})

    def validate(self, value: str) -> None:
        """Refuse a name for which the whole request would be refused."""
        super().validate(value)
        if value and not NAME.fullmatch(value):
            raise ValidationError(_("Write up to 64 letters, digits, _ or -, without accents."), code="name")


class NumberField(forms.Field):
    """A number in its range, or None. Accepts a decimal comma, and spaces between thousands."""

    widget = forms.TextInput

    def __init__(self, parameter: Parameter, **kwargs: Any) -> None:
        self.parameter = parameter
        self.whole = parameter.kind == "whole"
        super().__init__(**kwargs)
        self.widget.attrs.update({"inputmode": "numeric" if self.whole else "decimal", "autocomplete": "off"})

    def to_python(self, value: Any) -> float | int | None:
        """Return the number; refuse an invalid one, or one outside of the range."""
        text = "".join(str(value if value is not None else "").split()).translate(MINUSES)
        if not text:
            return None
        if not (WHOLE if self.whole else NUMBER).fullmatch(text):
            raise ValidationError(_("Enter a whole number.") if self.whole else _("Enter a number."), code="number")
        number = int(text) if self.whole else float(text.replace(",", "."))
        self.check_range(number)
        return number

    def prepare_value(self, value: Any) -> Any:
        """Format a stored number as people type it: 1.0 as 1, and never with an exponent."""
        return f"{Decimal(repr(value)).normalize():f}" if isinstance(value, float) else value

    def check_range(self, number: float) -> None:
        """Refuse a number out of range."""
        low, high = self.parameter.low, self.parameter.high
        if low is not None and high is not None and not low <= number <= high:
            raise ValidationError(
                _("Enter a value from %(low)s to %(high)s."), code="range", params={"low": low, "high": high}
            )


class ModelsOwnField(forms.TypedChoiceField):
    """A choice whose first option sends nothing; `true` and `false` become booleans."""

    MEANS: Final[Mapping[str, str | bool]] = {"true": True, "false": False}

    def __init__(self, parameter: Parameter, **kwargs: Any) -> None:
        means = self.MEANS
        super().__init__(
            choices=parameter.choices, coerce=lambda value: means.get(value, value), empty_value=None, **kwargs
        )

    def prepare_value(self, value: Any) -> Any:
        """Format a stored boolean as its choice."""
        return str(value).lower() if isinstance(value, bool) else value


class WithoutInput(forms.HiddenInput):
    """A hidden input that may occur several times."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Return all values, joined by commas."""
        return ",".join(data.getlist(name)) if isinstance(data, MultiValueDict) else data.get(name)


class WithoutField(forms.Field):
    """Names of refused parameters that are left out; people do not type them, so unknown ones are ignored."""

    widget = WithoutInput

    def to_python(self, value: Any) -> list[str]:
        """Return the names, sorted."""
        names = value if isinstance(value, list) else str(value or "").split(",")
        return sorted({name.strip() for name in names} & REFUSABLE)

    def prepare_value(self, value: Any) -> Any:
        """Format stored names as they are sent."""
        return ",".join(value) if isinstance(value, list) else value
