"""Forms of admins about people."""

from typing import Any, cast

from django import forms
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from accounts.identity_providers import identity_providers, names_of_providers
from accounts.list_form import PeopleListForm
from accounts.models import COST_CENTRE_LENGTH, User
from accounts.rights import groups_to_give
from keys.forms import LineField
from keys.services import possible_supervisors
from people.invite_list import Entry, read_list


class GroupForm(forms.Form):
    """The group that people are added to."""

    to_group = forms.ModelChoiceField(Group.objects.none(), label=_("Group"), empty_label=_("Choose a group"))

    def __init__(self, data: Any = None, *, actor: User) -> None:
        super().__init__(data)
        cast("forms.ModelChoiceField[Any]", self.fields["to_group"]).queryset = groups_to_give(actor).order_by("name")


class GroupNameForm(forms.Form):
    """The name of a group."""

    name = LineField(label=_("Name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off"}))


class CostCentreForm(forms.Form):
    """The code of a cost centre, or none."""

    code = LineField(
        label=_("Cost centre"),
        max_length=COST_CENTRE_LENGTH,
        required=False,
        help_text=_("As the accounts write it, such as 4711-A. Empty: none."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "translate": "no"}),
    )


class SupervisorForm(forms.Form):
    """The new supervisor of a person's interns."""

    supervisor = forms.ModelChoiceField(User.objects.none(), label=_("New supervisor of their interns"))

    def __init__(self, data: Any = None, *, leaving: User, none: str = "") -> None:
        """Offer everybody who may have interns; with `none`, a text, also nobody."""
        super().__init__(data)
        field = cast("forms.ModelChoiceField[Any]", self.fields["supervisor"])
        found = [person for person in possible_supervisors() if person.pk != leaving.pk]
        field.required, field.queryset = not none, User.objects.filter(pk__in=[person.pk for person in found])
        choices = [(person.pk, f"{person.display_name} ({person.username})") for person in found]
        field.choices = [("", none or _("Choose the new supervisor")), *choices]


class InviteForm(PeopleListForm):
    """A list of people to invite, pasted or in a file, and the groups of all of them."""

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
        self.fields["people"].help_text = _(
            "One person a line: an e-mail address, or name, e-mail, groups, supervisor and end of stay, as copied from "
            "a spreadsheet. A first line with the names of the columns may give them another order."
        )
        cast("forms.ModelChoiceField[Any]", self.fields["groups"]).queryset = groups_to_give(actor).order_by("name")
        if identity_providers():
            by_institution = _("with their account of %(name)s") % {"name": names_of_providers() or "OpenID Connect"}
            choices = [("institution", by_institution), ("password", _("with a password that they choose here"))]
            cast("forms.ChoiceField", self.fields["sign_in"]).choices = choices
            self.fields["sign_in"].initial = "institution"
        else:
            del self.fields["sign_in"]

    def read(self, text: str) -> list[Entry]:
        """Return the people to invite."""
        return read_list(text)

    @property
    def by_institution(self) -> bool:
        """Whether the people sign in with the institution."""
        return "sign_in" in self.fields and self.cleaned_data["sign_in"] != "password"
