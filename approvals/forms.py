"""Forms to request more, and to decide."""

from datetime import date, timedelta
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import AccessRequest, KeyKind, Thing
from accounts.models.requests import LONGEST_WORDS
from accounts.policies import Allowance, has_budget
from keys.forms import LineField, UntilForm, amount_field, end_of_period, portal_today
from keys.models import GatewayModel

KINDS: Final = {KeyKind.PERSONAL: _("Personal keys"), KeyKind.PLAYGROUND: _("The Playground")}


class AskForm(UntilForm):
    """More budget, a model, or a kind of key: what, until when, why."""

    why = LineField(
        label=_("Why"),
        max_length=LONGEST_WORDS,
        help_text=_("One line: whoever decides reads it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, thing: str, allowance: Allowance, name: str = "") -> None:
        super().__init__(data, initial={"ends_on": _usual_end(thing, allowance), "name": name})
        if thing == Thing.BUDGET:
            self.fields["amount_usd"] = amount_field()
            self.fields["amount_usd"].help_text = _("On top of your budget, until the day that you choose.")
        else:
            label = _("Model") if thing == Thing.MODEL else _("Kind of key")
            self.fields["name"] = forms.ChoiceField(label=label, choices=_lacking(thing, allowance))
        self.order_fields(["amount_usd", "name", "ends_on", "why"])


class DecideForm(UntilForm):
    """The grant; an amount only for a budget."""

    reason = LineField(
        label=_("Reason"),
        max_length=LONGEST_WORDS,
        required=False,
        help_text=_("Needed for a refusal. It is in the mail to the person."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, asked: AccessRequest) -> None:
        super().__init__(data, initial={"ends_on": asked.ends_on, "amount_usd": asked.amount_usd})
        if asked.thing == Thing.BUDGET:
            self.fields["amount_usd"] = amount_field()
        self.order_fields(["amount_usd", "ends_on", "reason"])


class RefuseForm(forms.Form):
    """Why a request is refused."""

    reason = LineField(
        label=_("Reason"),
        max_length=LONGEST_WORDS,
        error_messages={"required": _("Say why: the person gets it by mail.")},
    )


def things_for(allowance: Allowance) -> list[tuple[str, str]]:
    """Return what the person can request, as value and label; budget first."""
    labels = {Thing.BUDGET: _("More budget"), Thing.MODEL: _("A model"), Thing.KIND: _("A kind of key")}
    lacks = {
        Thing.BUDGET: has_budget(allowance),
        Thing.MODEL: bool(_lacking(Thing.MODEL, allowance)),
        Thing.KIND: bool(_lacking(Thing.KIND, allowance)),
    }
    return [(thing.value, str(label)) for thing, label in labels.items() if lacks[thing]]


def _lacking(thing: str, allowance: Allowance) -> list[tuple[str, Any]]:
    """Return the models that no key of the person can call, or the kinds of key that they cannot have."""
    if thing == Thing.KIND:
        return [(kind.value, label) for kind, label in KINDS.items() if not allowance.rules[kind].allowed]
    lists = [rule.models for rule in allowance.rules.values() if rule.allowed and rule.models is not None]
    if not lists:
        return []
    everywhere = set(lists[0]).intersection(*lists[1:])
    names = GatewayModel.objects.exclude(name__in=everywhere).order_by("name").values_list("name", flat=True)
    return [(name, name) for name in names]


def _usual_end(thing: str, allowance: Allowance) -> date:
    """Return the last day of the running period of a budget, else a day in a month."""
    return end_of_period(allowance) if thing == Thing.BUDGET else portal_today() + timedelta(days=30)
