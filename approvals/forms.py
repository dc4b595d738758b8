"""Forms to request more, and to decide."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import AccessRequest, KeyKind, Thing
from accounts.models.requests import LONGEST_WORDS, MOST_USD
from accounts.policies import Allowance
from keys.forms import DateInput, LineField
from keys.models import GatewayModel
from keys.services.uncounted import next_period_day, utc_today

LONGEST_DAYS: Final = 366
KINDS: Final = {KeyKind.PERSONAL: _("Personal keys"), KeyKind.PLAYGROUND: _("The Playground")}


def _today() -> date:
    return timezone.localdate(timezone=timezone.get_default_timezone())


def _amount() -> forms.DecimalField:
    return forms.DecimalField(
        label=_("How much more, USD"),
        min_value=Decimal("0.01"),
        max_value=MOST_USD,
        decimal_places=2,
        max_digits=7,
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "0.01"}),
    )


class UntilForm(forms.Form):
    """A last day, from today to a year ahead."""

    ends_on = forms.DateField(label=_("Until"), widget=DateInput())

    def clean_ends_on(self) -> date:
        """Return the day, unless it is past or too far away."""
        ends_on: date = self.cleaned_data["ends_on"]
        if ends_on < _today():
            raise ValidationError(_("This day is over. Choose a later one."), code="past")
        if ends_on > _today() + timedelta(days=LONGEST_DAYS):
            raise ValidationError(_("Choose a day within a year."), code="far")
        return ends_on


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
            self.fields["amount_usd"] = _amount()
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
            self.fields["amount_usd"] = _amount()
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


def has_budget(allowance: Allowance) -> bool:
    """Tell whether any of the person's budgets has a limit."""
    budgets = [rule.budget_usd for rule in allowance.rules.values() if rule.allowed]
    return allowance.person_budget_usd is not None or any(budget is not None for budget in budgets)


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
    """Return the last day of the current budget period, or else a day in a month."""
    if thing == Thing.BUDGET:
        return max(_today(), next_period_day(allowance.person_budget_period, utc_today()) - timedelta(days=1))
    return _today() + timedelta(days=30)
