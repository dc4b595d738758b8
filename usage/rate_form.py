"""The form for rates of the lab's currency: one day, or a file of days."""

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from io import StringIO
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.people_list import MAX_BYTES, UnreadableList, decode
from usage.models import utc_today

FIRST_DAY: Final = date(2020, 1, 1)
LAST_AHEAD: Final = timedelta(days=366)
LARGEST: Final = Decimal(1_000_000)
PLACES: Final = 8
RATE: Final[dict[str, Any]] = {"min_value": Decimal(1).scaleb(-PLACES), "max_value": LARGEST, "decimal_places": PLACES}


class RateForm(forms.Form):
    """A day and its rate; a file counts in place of them."""

    day = forms.DateField(
        label=gettext_lazy("From this day on (UTC)"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    per_usd = forms.DecimalField(required=False, widget=forms.TextInput(attrs={"inputmode": "decimal"}), **RATE)
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
            rates = dict(_read(decode(file.read(MAX_BYTES + 1)))) if file else {cleaned["day"]: cleaned["per_usd"]}
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


def _read(text: str) -> Iterator[tuple[date, Decimal]]:
    """Yield the rates of a file, with points or commas; its first line may be a heading. Raises UnreadableList."""
    delimiter = next((each for each in "\t;" if each in text), ",")
    for number, row in enumerate(csv.reader(StringIO(text), delimiter=delimiter), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        try:
            day, rate = date.fromisoformat(cells[0]), _rate(cells[1])
        except (ValueError, IndexError, InvalidOperation) as error:
            if number == 1:
                continue
            raise UnreadableList(_("Line %(number)d is not a day and a rate.") % {"number": number}) from error
        yield day, rate


def _rate(text: str) -> Decimal:
    rate = Decimal(text.replace(",", "."))
    if not rate.is_finite() or not RATE["min_value"] <= rate <= LARGEST:
        raise ValueError(text)
    return round(rate, PLACES)
