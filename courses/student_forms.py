"""Forms of teachers about their students and presets."""

import re
from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import DomainNameValidator
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.identity_providers import identity_providers
from accounts.list_form import PeopleListForm
from accounts.people_list import Row
from courses.forms import refuse_far
from courses.models import Course
from courses.services.file_keys import MOST_AT_ONCE
from courses.student_list import MAX_NAME, read_students
from keys.forms import DateInput, LineField, clean_line

MOST_DOMAINS: Final = 20


class EntryForm(forms.Form):
    """Until when the link works, for which addresses, and the group whose members come in at sign-in."""

    until = forms.DateField(
        label=_("The link works until"),
        required=False,
        widget=DateInput(),
        help_text=_("The end of this day. Empty: until the course ends."),
    )
    domains = forms.CharField(
        label=_("Only for addresses of"),
        required=False,
        max_length=1000,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Domains separated by commas, such as example.edu. Empty: everybody who can sign in here."),
    )
    claim_group = LineField(
        label=_("Group of the institution"),
        required=False,
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Its members are in the course from their next sign-in on. The name as the institution sends it."),
    )

    def __init__(self, data: Any = None, *, course: Course) -> None:
        self.zone = ZoneInfo(course.time_zone)
        until = course.join_until and course.join_until.astimezone(self.zone).date()
        initial = {"until": until, "domains": ", ".join(course.join_domains), "claim_group": course.claim_group}
        super().__init__(data, initial=initial)
        if not identity_providers():
            del self.fields["claim_group"]

    def clean_until(self) -> datetime | None:
        """Return the end of the day in the zone of the course."""
        day: date | None = self.cleaned_data["until"]
        if day is None:
            return None
        if day < timezone.localdate(timezone=self.zone):
            raise ValidationError(_("This day is over. Choose a later one."), code="past")
        refuse_far(day)
        return datetime.combine(day, time(23, 59, 59), self.zone)

    def clean_domains(self) -> list[str]:
        """Return the domains, each once, in lower case."""
        typed = re.split(r"[\s,;]+", self.cleaned_data["domains"].lower())
        domains = list(dict.fromkeys(domain.lstrip("@") for domain in typed if domain.strip("@")))
        if len(domains) > MOST_DOMAINS:
            raise ValidationError(_("These are too many domains."), code="many")
        for domain in domains:
            DomainNameValidator()(domain)
        return domains

    def clean(self) -> dict[str, Any]:
        """Keep the group that is there where it cannot be set."""
        return {"claim_group": self.initial["claim_group"], **(super().clean() or self.cleaned_data)}


class StudentListForm(PeopleListForm):
    """A list of students."""

    def __init__(self, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files)
        self.fields["people"].label = _("Students")
        self.fields["people"].help_text = _(
            "One student a line: an e-mail address, or name, e-mail and student number, as copied from a spreadsheet. "
            "A first line with the names of the columns may give them another order."
        )

    def read(self, text: str) -> list[Row]:
        """Return the students."""
        return read_students(text)


class NamesForm(forms.Form):
    """Students without accounts: names, or how many."""

    names_typed = forms.CharField(
        label=_("Names"),
        required=False,
        max_length=60_000,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
        help_text=_("One a line, at most 500."),
    )
    number = forms.IntegerField(
        label=_("Or a number of keys"),
        required=False,
        min_value=1,
        max_value=MOST_AT_ONCE,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        help_text=_("The students are called “Student 1”, “Student 2” and so on."),
    )

    def clean_names_typed(self) -> list[str]:
        """Return the names, cleaned."""
        lines = [clean_line(line) for line in self.cleaned_data["names_typed"].splitlines()]
        names = [line for line in lines if line]
        if len(names) > MOST_AT_ONCE:
            raise ValidationError(_("These are too many names."), code="many")
        if any(len(name) > MAX_NAME for name in names):
            raise ValidationError(_("The name is too long."), code="long")
        return names

    def clean(self) -> dict[str, Any]:
        """Refuse an empty form."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and not cleaned.get("names_typed") and not cleaned.get("number"):
            raise ValidationError(_("Enter names, or a number."), code="empty")
        return cleaned

    def names(self, course: Course) -> list[str]:
        """Return the names to add; numbered ones go on after those that are there."""
        if typed := self.cleaned_data["names_typed"]:
            return list(typed)
        there = course.students.filter(account=None).count()
        return [
            gettext("Student %(number)d") % {"number": there + one} for one in range(1, self.cleaned_data["number"] + 1)
        ]


class SheetForm(forms.Form):
    """A file of keys, of which cards are made."""

    file = forms.FileField(
        label=_("File of keys"),
        max_length=200,
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        help_text=_("The file that you have downloaded here. It is not stored."),
    )
