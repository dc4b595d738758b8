"""Forms to request more, and to decide."""

import uuid
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import AccessRequest, KeyKind, Thing
from accounts.models.requests import LONGEST_WORDS
from accounts.policies import Allowance, has_budget
from courses.forms import WallClockField, initial_of, usd_field
from courses.models import MOST_STUDENTS, Course
from courses.services import grown_values
from courses.services.growth import GROWING
from keys.budget_days import end_of_period, portal_today
from keys.forms import LineField, UntilForm, amount_field
from keys.models import GatewayModel
from web.amounts import usd_limit
from web.templatetags.portal import day

KINDS: Final = {KeyKind.PERSONAL: _("Personal keys"), KeyKind.PLAYGROUND: _("The Playground")}


def why_field() -> LineField:
    """Return a field for why somebody asks."""
    return LineField(
        label=_("Why"),
        max_length=LONGEST_WORDS,
        help_text=_("One line: whoever decides reads it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class WhyForm(forms.Form):
    """Why somebody asks for a larger course."""

    why = why_field()


class LargerForm(WhyForm):
    """What a running course is to have: at least what it has."""

    max_students = forms.IntegerField(label=_("Students at most"), min_value=1, max_value=MOST_STUDENTS)
    ends_at = WallClockField(label=_("End"), help_text=_("In the time zone of the course."))
    key_budget_usd = usd_field(label=_("Budget of each student, USD"), help_text=_("For the whole course."))
    budget_usd = usd_field(
        label=_("Budget in all, USD"), help_text=_("When it is used up, the keys of all students stop.")
    )
    field_order = (*GROWING, "why")

    def __init__(self, data: Any = None, *, course: Course) -> None:
        super().__init__(data, initial=initial_of(course))
        self.course = course

    def clean(self) -> dict[str, Any]:
        """Give the end its zone; refuse what is smaller than now."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("ends_at"):
            values["ends_at"] = values["ends_at"].replace(tzinfo=ZoneInfo(self.course.time_zone))
        if self.errors:
            return values
        for name, value in grown_values(self.course, values).items():
            least = value.replace(second=0, microsecond=0) if name == "ends_at" else value  # the form has no seconds
            if values[name] < least:
                self.add_error(name, _("The course has more already."))
        return values


class AskForm(UntilForm):
    """More budget, a model, or a kind of key: what, until when, why.

    `at_once_usd`: how much more budget is granted at once, until the end of the running period.
    """

    why = why_field()

    def __init__(
        self,
        data: Any = None,
        *,
        thing: str,
        allowance: Allowance,
        name: str = "",
        at_once_usd: Decimal = Decimal(0),
    ) -> None:
        initial = {"ends_on": _usual_end(thing, allowance), "name": name, "form_id": uuid.uuid4()}
        super().__init__(data, initial=initial)
        if thing == Thing.BUDGET:
            self.fields["amount_usd"] = amount_field()
            self.fields["amount_usd"].help_text = _amount_words(at_once_usd, end_of_period(allowance))
            self.fields["form_id"] = forms.UUIDField(required=False, widget=forms.HiddenInput)
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
    """Return the models that the person can request and not every key of theirs can call, or the kinds of key."""
    if thing == Thing.KIND:
        return [(kind.value, label) for kind, label in KINDS.items() if not allowance.rules[kind].allowed]
    everywhere = allowance.models_everywhere
    if everywhere is None:
        return []
    lacking = GatewayModel.objects.exclude(name__in=everywhere)
    offered = lacking if allowance.asks_for_any_model else lacking.filter(name__in=allowance.on_request)
    return [(name, name) for name in offered.order_by("name").values_list("name", flat=True)]


def _amount_words(at_once_usd: Decimal, last_day: date) -> str:
    words = gettext("On top of your budget, until the day that you choose.")
    if not at_once_usd:
        return words
    at_once = gettext("Up to %(amount)s until %(day)s is granted at once.")
    return f"{at_once % {'amount': usd_limit(at_once_usd), 'day': day(last_day)}} {words}"


def _usual_end(thing: str, allowance: Allowance) -> date:
    """Return the last day of the running period of a budget, else a day in a month."""
    return end_of_period(allowance) if thing == Thing.BUDGET else portal_today() + timedelta(days=30)
