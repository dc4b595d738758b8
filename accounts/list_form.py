"""A list of people in a form: pasted, or in a file."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.people_list import MAX_BYTES, UnreadableList, decode


class PeopleListForm(forms.Form):
    """Pasted lines, or a file of a spreadsheet."""

    people = forms.CharField(
        label=_("People"),
        required=False,
        strip=False,
        max_length=MAX_BYTES,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
    )
    file = forms.FileField(
        label=_("Or a CSV file"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
    )

    def read(self, text: str) -> list[Any]:
        """Return the entries of the text. Raises UnreadableList."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        """Read the list; the file counts, if there is one, in place of the pasted text."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            file = cleaned.get("file")
            text = cleaned["people"] if file is None else decode(file.read(MAX_BYTES + 1))
            entries = self.read(text)
        except UnreadableList as error:
            raise ValidationError(str(error), code="unreadable") from error
        if not entries:
            raise ValidationError(_("There is nobody in the list."), code="empty")
        return {**cleaned, "text": text, "entries": entries}
