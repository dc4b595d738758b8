"""Forms of admins about people."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.rights import groups_to_give
from keys.forms import LineField
from keys.services import possible_supervisors
from people.invite_list import MAX_BYTES, Entry, UnreadableList, decode, read_list


class GroupForm(forms.Form):
    """The group that people are added to."""

    to_group = forms.ModelChoiceField(Group.objects.none(), label=_("Group"), empty_label=_("Choose a group"))

    def __init__(self, data: Any = None, *, actor: User) -> None:
        super().__init__(data)
        self.fields["to_group"].queryset = groups_to_give(actor).order_by("name")  # type: ignore[attr-defined]


class GroupNameForm(forms.Form):
    """The name of a group."""

    name = LineField(label=_("Name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off"}))


class SupervisorForm(forms.Form):
    """The new supervisor of a person's interns."""

    supervisor = forms.ModelChoiceField(User.objects.none(), label=_("New supervisor of their interns"))

    def __init__(self, data: Any = None, *, leaving: User, none: str = "") -> None:
        """Offer everybody who may have interns; with `none`, a text, also nobody."""
        super().__init__(data)
        field = self.fields["supervisor"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  (for the type checker)
        found = [person for person in possible_supervisors() if person.pk != leaving.pk]
        field.required, field.queryset = not none, User.objects.filter(pk__in=[person.pk for person in found])
        choices = [(person.pk, f"{person.display_name} ({person.username})") for person in found]
        field.choices = [("", none or _("Choose the new supervisor")), *choices]


class InviteForm(forms.Form):
    """A list of people to invite, pasted or in a file, and the groups of all of them."""

    people = forms.CharField(
        label=_("People"),
        required=False,
        strip=False,
        max_length=MAX_BYTES,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
        help_text=_(
            "One person a line: an e-mail address, or name, e-mail, groups, supervisor and end of stay, as copied from "
            "a spreadsheet. A first line with the names of the columns may give them another order."
        ),
    )
    file = forms.FileField(
        label=_("Or a CSV file"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
    )
    groups = forms.ModelMultipleChoiceField(
        Group.objects.none(),
        label=_("Groups for all of them"),
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    sign_in = forms.ChoiceField(
        label=_("They sign in"), required=False, widget=forms.RadioSelect(attrs={"class": "form-check-input"})
    )

    def __init__(self, data: Any = None, files: Any = None, *, actor: User) -> None:
        super().__init__(data, files)
        self.fields["groups"].queryset = groups_to_give(actor).order_by("name")  # type: ignore[attr-defined]
        if settings.OIDC_ISSUER:
            by_institution = _("with their account of %(name)s") % {"name": settings.OIDC_NAME or "OpenID Connect"}
            choices = [("institution", by_institution), ("password", _("with a password that they choose here"))]
            self.fields["sign_in"].choices = choices  # type: ignore[attr-defined]
            self.fields["sign_in"].initial = "institution"
        else:
            del self.fields["sign_in"]

    def clean(self) -> dict[str, Any]:
        """Read the list; pasted text and file are joined, as `people` in `data` from then on."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            file = cleaned.get("file")
            text = cleaned["people"] if file is None else decode(file.read(MAX_BYTES + 1))
            entries: list[Entry] = read_list(text)
        except UnreadableList as error:
            raise ValidationError(str(error), code="unreadable") from error
        if not entries:
            raise ValidationError(_("There is nobody in the list."), code="empty")
        return {**cleaned, "text": text, "entries": entries}

    @property
    def by_institution(self) -> bool:
        """Whether the people sign in with the institution."""
        return "sign_in" in self.fields and self.cleaned_data["sign_in"] != "password"
