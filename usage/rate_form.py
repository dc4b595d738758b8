"""The form for rates of the lab's currency: one day, or a file of days."""

from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.people_list import MAX_BYTES, UnreadableList, decode, read_lines
from keys.forms import DateInput
from usage.models import utc_today

FIRST_DAY: Final = date(2020, 1, 1)
LAST_AHEAD: Final = timedelta(days=366)
LARGEST: Final = Decimal(1_000_000)
PLACES: Final = 8
RATE: Final[dict[str, Any]] = {"min_value": Decimal(1).scaleb(-PLACES), "max_value": LARGEST, "decimal_places": PLACES}


class RateForm(forms.Form):
    """A day and its rate; a file counts in place of them."""

    day = forms.DateField(label=gettext_lazy("From this day on (UTC)"), required=False, widget=DateInput())
    per_usd = forms.DecimalField(
        required=False, localize=True, widget=forms.TextInput(attrs={"inputmode": "decimal"}), **RATE
    )
    file = forms.FileField(
        label=gettext_lazy("Or a CSV file of days and rates"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
    )

    def __init__(self, data: Any = None, files: Any = None, *, currency: str) -> None:
        super().__init__(data, files, initial={"day": utc_today()})
        self.fields["per_usd"].label = _("1 USD in %(currency)s") % {"currency": currency}
        self.fields["per_usd"].help_text = _("For example 0.92.")
        columns = _("Two columns: the day as 2026-11-28, and what 1 USD is worth in %(currency)s.")
        self.fields["file"].help_text = columns % {"currency": currency}

    def clean(self) -> dict[str, Any]:
        """Add `rates`, by day."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        file = cleaned.get("file")
        try:
            rates = _read(decode(file.read(MAX_BYTES + 1))) if file else {cleaned["day"]: cleaned["per_usd"]}
        except UnreadableList as error:
            raise ValidationError(str(error), code="unreadable") from error
        if None in rates or None in rates.values():
            raise ValidationError(_("Enter a day and a rate, or choose a file."), code="missing")
        if not rates:
            raise ValidationError(_("There is no rate in the file."), code="empty")
        if not all(FIRST_DAY <= day <= utc_today() + LAST_AHEAD for day in rates):
            words = _("Days must be between %(first)s and a year from now.") % {"first": FIRST_DAY.isoformat()}
            raise ValidationError(words, code="day")
        return {**cleaned, "rates": rates}


def _read(text: str) -> dict[date, Decimal]:
    """Return the rates of a file, with points or commas; its first line may be a heading. Raises UnreadableList."""
    found: dict[date, Decimal] = {}
    for place, (line, cells) in enumerate(read_lines(text.replace("\r\n", "\n").replace("\r", "\n"))):
        if place == 0 and not any(char.isdigit() for char in cells[0]):
            continue
        try:
            day, rate = _day_and_rate(*cells[:2], *filter(None, cells[2:]))
        except (TypeError, ValueError, InvalidOperation) as error:
            raise UnreadableList(_("Line %(number)d is not a day and a rate.") % {"number": line}) from error
        if found.setdefault(day, rate) != rate:
            words = _("Line %(number)d has another rate for a day that is in the file already.")
            raise UnreadableList(words % {"number": line})
    return found


def _day_and_rate(day: str, rate_text: str) -> tuple[date, Decimal]:
    rate = Decimal(rate_text.replace(",", "."))
    if not rate.is_finite() or not RATE["min_value"] <= rate <= LARGEST:
        raise ValueError(rate_text)
    return date.fromisoformat(day), round(rate, PLACES)
