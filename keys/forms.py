"""Forms about keys, cleaned. The services check limits of the policy, under a lock."""

import unicodedata
import uuid
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import User
from accounts.models.requests import MOST_USD
from accounts.policies import Allowance
from gateway.secret import has_secret
from keys.budget_days import portal_today
from keys.catalogue import models_named
from keys.models import Intern, Key
from keys.services import KeyRequest
from keys.services.key_limits import Limits, limits_of
from web.amounts import usd_limit
from web.templatetags.portal import a_period

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

# Format characters that belong in words: emoji are joined by ZWJ, some scripts need ZWNJ.
JOINERS = {"\u200c", "\u200d"}
NEW_INTERN = ("intern_name", "intern_email", "stay_ends_on")  # the fields that describe a new intern
BLANKS = {"\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"}  # letters and a symbol by category, yet invisible


def clean_line(value: str) -> str:
    """Fold white space and normalise (NFC); refuse text that hides or reorders characters, is empty, or is a secret."""
    line = " ".join(unicodedata.normalize("NFC", value).split())
    hides = any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co") and char not in JOINERS for char in line)
    if hides or (line and not any(_shows(char) for char in line)):
        raise ValidationError(_("This contains invisible characters. Type it instead of pasting it."), code="invisible")
    refuse_secret(line)
    return line


def refuse_secret(text: str) -> None:
    """Refuse the secret of a key in visible texts: labels, names, titles and addresses."""
    if has_secret(text):
        words = _("This looks like the secret of a key. Remove it: other people can read this text.")
        raise ValidationError(words, code="secret")


def _shows(char: str) -> bool:
    """Tell whether a character is visible."""
    return unicodedata.category(char)[0] not in "MZ" and char not in JOINERS | BLANKS


class LineField(forms.CharField):
    """One line of text without hidden characters; its length is counted after cleaning, which may extend it."""

    def to_python(self, value: Any) -> str:
        """Return the cleaned line."""
        return clean_line(super().to_python(value) or "")


class DateInput(forms.DateInput):
    """A day as browsers expect it, whatever the language of the page."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class LabelForm(forms.Form):
    """A person's own name for a key."""

    label = LineField(
        label=_("Label"),
        max_length=60,
        error_messages={"required": _("Say what the key is for; one word is enough.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


def amount_field() -> forms.DecimalField:
    """Return a field for what somebody gets on top of their budget."""
    return forms.DecimalField(
        label=_("How much more, USD"),
        min_value=Decimal("0.01"),
        max_value=MOST_USD,
        decimal_places=2,
        max_digits=7,
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "0.01"}),
    )


def budget_field(help_text: "StrPromise | str" = "") -> forms.DecimalField:
    """Return a field for the budget of one key."""
    return forms.DecimalField(
        label=_("Budget, USD"),
        required=False,
        min_value=Decimal("0.01"),
        max_digits=8,
        decimal_places=2,
        help_text=help_text,
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "0.01"}),
    )


def most_usd(limits: Limits) -> str:
    """Return the largest budget within these limits, in words."""
    if limits.budget_usd is None:
        return str(_("no limit"))
    return f"{usd_limit(limits.budget_usd)} {a_period(limits.budget_period)}"


def refuse_day(ends_on: date, *, longest_days: int, far: str) -> None:
    """Refuse a last day that is over, or further away than so many days; `far` says so."""
    if ends_on < portal_today():
        raise ValidationError(_("This day is over. Choose a later one."), code="past")
    if ends_on > portal_today() + timedelta(days=longest_days):
        raise ValidationError(far, code="far")


class UntilForm(forms.Form):
    """A last day, from today to a year ahead."""

    ends_on = forms.DateField(label=_("Until"), widget=DateInput())

    def clean_ends_on(self) -> date:
        """Return the day, unless it is over or too far away."""
        ends_on: date = self.cleaned_data["ends_on"]
        refuse_day(ends_on, longest_days=366, far=str(_("Choose a day within a year.")))
        return ends_on


def not_past(end: date | None) -> date | None:
    """Refuse the end of a stay that is over; its days are those of TIME_ZONE, wherever the reader is."""
    if end and end < portal_today():
        raise ValidationError(_("This day is in the past. Enter the last day of the stay."), code="past")
    return end


class StayForm(forms.Form):
    """The last day of an intern's stay, changed."""

    stay_ends_on = forms.DateField(
        label=_("End of the stay"),
        required=False,
        widget=DateInput(),
        help_text=_(
            "Their keys expire at the end of this day, or earlier if your policy requires it. Empty: only "
            "the policy applies."
        ),
    )

    def clean_stay_ends_on(self) -> date | None:
        """Return the day, unless it is past."""
        return not_past(self.cleaned_data["stay_ends_on"])


class InternForm(forms.Form):
    """Name and address of an intern, corrected."""

    name = LineField(label=_("Name"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        required=False,
        validators=[refuse_secret],
        help_text=_("Mails about their keys go to this address."),
    )


class HandoverForm(forms.Form):
    """The new supervisor of an intern: one of the people that were found."""

    supervisor = forms.ModelChoiceField(
        User.objects.none(),
        label=_("New supervisor"),
        empty_label=None,
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        error_messages={
            "required": _("Choose the new supervisor."),
            "invalid_choice": _("This person may not have interns. Choose somebody else."),
        },
    )

    def __init__(self, data: Any = None, *, people: Sequence[User]) -> None:
        super().__init__(data)
        field = self.fields["supervisor"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  (for the type checker)
        field.queryset = User.objects.filter(pk__in=[person.pk for person in people])
        field.choices = [(person.pk, f"{person.display_name} ({person.email or person.username})") for person in people]


def _called(intern: Intern) -> str:
    """Return name and address: two interns may have the same name."""
    return f"{intern.name} ({intern.email})" if intern.email else intern.name


class KeyForm(LabelForm):
    """The form for a new key. Fields that do not apply under the person's policy are removed."""

    kind = forms.ChoiceField(label=_("Kind"), widget=forms.RadioSelect)
    intern = forms.ModelChoiceField(
        Intern.objects.none(),
        label=_("Intern"),
        required=False,
        empty_label=_("You, or somebody new"),
        error_messages={"invalid_choice": _("This intern is no longer in your list. Choose another.")},
    )
    intern_name = LineField(label=_("Intern’s name"), max_length=100, required=False)
    intern_email = forms.EmailField(label=_("E-mail"), max_length=254, required=False, validators=[refuse_secret])
    stay_ends_on = forms.DateField(label=_("End of the stay"), required=False, widget=DateInput())
    budget_usd = budget_field()
    model_names = forms.MultipleChoiceField(
        label=_("Models"),
        required=False,
        help_text=_("With none or all of them ticked, the key has those of your policy, also ones that come later."),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    request_id = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Any = None, *, owner: User, allowance: Allowance, intern_id: str = "", with_limits: bool = False
    ) -> None:
        super().__init__(data, initial={"request_id": uuid.uuid4()})
        self.allowance = allowance
        self._offer_kinds()
        self._offer_interns(owner, intern_id)
        if with_limits or (data is not None and "budget_usd" in data):
            self._offer_limits()
        else:
            del self.fields["budget_usd"], self.fields["model_names"]

    def _offer_limits(self) -> None:
        """Offer the models of any kind, and say how much of a budget each kind has at most."""
        kinds = [kind for kind in Key.COUNTED_KINDS if self.allowance.rules[kind].allowed]
        names = models_named(self.allowance.models).values_list("name", flat=True)
        cast("forms.MultipleChoiceField", self.fields["model_names"]).choices = [(name, name) for name in names]
        most = [f"{kind.label} {most_usd(limits_of(kind, self.allowance))}" for kind in kinds]
        self.fields["budget_usd"].help_text = _("Empty: as your policy says (%(most)s).") % {"most": ", ".join(most)}

    def _offer_interns(self, owner: User, chosen: str) -> None:
        """Offer the person's interns, and to add another, where the policy has keys for them.

        `chosen`: the id of the initial one; ignored if it is not the person's.
        """
        if not self.allowance.may_name_interns:
            for name in ("intern", *NEW_INTERN):
                del self.fields[name]
            return
        own = Intern.objects.supervised_by(owner).by_name()
        field = self.fields["intern"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  (for the type checker)
        field.queryset = Intern.objects.supervised_by(owner)
        field.choices = [("", field.empty_label), *((each.pk, _called(each)) for each in own)]
        if not own:
            field.widget = forms.HiddenInput()
        if chosen in {str(each.pk) for each in own}:
            self.initial["intern"], self.initial["kind"] = chosen, Key.Kind.TEMPORARY

    def _offer_kinds(self) -> None:
        """Offer the kinds of the policy, each with its lifetime; a single one needs no choice."""
        rules = self.allowance.rules
        kinds = [
            (kind.value, kind.label, rules[kind].lifetime_days) for kind in Key.COUNTED_KINDS if rules[kind].allowed
        ]
        field = self.fields["kind"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  (for the type checker)
        field.choices = [
            (value, f"{label} · " + ngettext("%d day", "%d days", lifetime) % lifetime)
            for value, label, lifetime in kinds
        ]
        self.initial["kind"] = kinds[0][0]
        if len(kinds) == 1:
            field.widget, field.required = forms.HiddenInput(), False

    def clean_kind(self) -> str:
        """Return the kind; the only one when none was sent."""
        return str(self.cleaned_data["kind"] or self.initial["kind"])

    def clean_stay_ends_on(self) -> date | None:
        """Refuse a stay that is past."""
        return not_past(self.cleaned_data["stay_ends_on"])

    def clean(self) -> dict[str, Any]:
        """Refuse an intern with another kind of key, or without a name."""
        cleaned = super().clean() or self.cleaned_data
        picked, named = bool(cleaned.get("intern")), bool(cleaned.get("intern_name"))
        described = bool(cleaned.get("intern_email") or cleaned.get("stay_ends_on"))
        if picked and (named or described):
            self.add_error("intern", _("Choose an intern, or describe a new one, not both."))
        elif described and not named:
            self.add_error("intern_name", _("Enter who will use the key, or leave all three fields empty."))
        if (picked or named) and cleaned.get("kind") != Key.Kind.TEMPORARY:
            self.add_error("kind", _("A key for an intern is temporary."))
        if cleaned.get("kind") and "budget_usd" in self.fields:
            self._refuse_more(cleaned["kind"], is_for_intern=picked or named)
        return cleaned

    def _refuse_more(self, kind: str, *, is_for_intern: bool) -> None:
        """Refuse a budget and models that the policy does not give a key of this kind."""
        allowance = (self.allowance.before_grants or self.allowance) if is_for_intern else self.allowance
        bounds, amount = limits_of(kind, allowance), self.cleaned_data.get("budget_usd")
        if amount is not None and bounds.budget_usd is not None and amount > bounds.budget_usd:
            words = _("Your policy gives this key %(amount)s. Choose that or less.")
            self.add_error("budget_usd", words % {"amount": most_usd(bounds)})
        names = self.cleaned_data.get("model_names") or ()
        if bounds.model_names is not None and (beyond := [name for name in names if name not in bounds.model_names]):
            words = _("Your policy does not allow these models for such a key: %(names)s.")
            self.add_error("model_names", words % {"names": ", ".join(beyond)})
        offered = {box.data["value"] for box in self["model_names"]}
        if set(names) >= (offered if bounds.model_names is None else offered.intersection(bounds.model_names)):
            self.cleaned_data["model_names"] = []  # all of them: also those that come later

    def make_new(self) -> None:
        """Make the typed form another request: this one has its key."""
        self.data = {**self.data, "request_id": str(uuid.uuid4())}

    def key_request(self) -> KeyRequest:
        """Return the person's request."""
        data = self.cleaned_data
        return KeyRequest(
            label=data["label"],
            kind=data["kind"],
            request_id=data["request_id"],
            intern=self._intern(),
            budget_usd=data.get("budget_usd"),
            model_names=tuple(data.get("model_names") or ()) or None,
        )

    def _intern(self) -> Intern | None:
        """Return the intern for the key: one of the person's, or an unsaved one."""
        data = self.cleaned_data
        if not data.get("intern_name"):
            return data.get("intern")
        return Intern(name=data["intern_name"], email=data["intern_email"], stay_ends_on=data["stay_ends_on"])
