"""The form of a course. Its limits are checked by the services, against the policy of whoever opens it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.forms import TimeZoneField, zone_choices
from accounts.models import COST_CENTRE_LENGTH, User
from courses.models import MOST_STUDENTS, Course
from courses.services import Size, has_begun
from courses.services.limits import MOST_USD
from keys.forms import LineField
from keys.models import GatewayModel

AS_TYPED: Final = "%Y-%m-%dT%H:%M"
BOX: Final = {"class": "form-check-input"}
LARGEST: Final = 2**31 - 1
USUAL_STUDENTS: Final = 40
FAR_YEARS: Final = 10  # from this year; dates at the edges of the calendar have no moment in other zones


class WallClockField(forms.DateTimeField):
    """A date and a time as a clock on the wall shows them; the form knows in which zone."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput(format=AS_TYPED, attrs={"type": "datetime-local"})
        super().__init__(widget=widget, **options)

    def to_python(self, value: Any) -> datetime | None:
        """Return it without a zone."""
        with timezone.override(UTC):
            moment: datetime | None = super().to_python(value)
        return None if moment is None else moment.replace(tzinfo=None)

    def validate(self, value: Any) -> None:
        """Refuse a date that is far away."""
        super().validate(value)
        refuse_far(value)


def refuse_far(day: date | None) -> None:
    """Refuse a date, or a moment, in a year that is far away."""
    if day and abs(day.year - timezone.now().year) > FAR_YEARS:
        raise ValidationError(_("Choose a day within ten years."), code="far")


def usd_field(**options: Any) -> forms.DecimalField:
    """Return a field for an amount."""
    widget = forms.NumberInput(attrs={"inputmode": "decimal", "step": "0.01"})
    least_usd = Decimal("0.01")
    return forms.DecimalField(widget=widget, min_value=least_usd, max_value=MOST_USD, decimal_places=2, **options)


def rate_field(**options: Any) -> forms.IntegerField:
    """Return a field for a rate limit of each student."""
    return forms.IntegerField(min_value=1, max_value=LARGEST, required=False, **options)


class CourseForm(forms.Form):
    """What a course is, from when to when, for how many, with which models and how much."""

    name = LineField(label=_("Name"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    code = LineField(
        label=pgettext_lazy("of a course", "Code"),
        max_length=20,
        required=False,
        help_text=_("As in the timetable, such as INF-201."),
    )
    cost_centre = LineField(
        label=_("Cost centre"),
        max_length=COST_CENTRE_LENGTH,
        required=False,
        help_text=_("To which the spend of its keys is charged, from today on. Empty: that of each key’s owner."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "translate": "no"}),
    )
    description = forms.CharField(
        label=_("Description"),
        max_length=2000,
        required=False,
        help_text=_("Students see it."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    starts_at = WallClockField(label=_("Start"), help_text=_("Students can get a key from then on."))
    ends_at = WallClockField(
        label=pgettext_lazy("of a course", "End"), help_text=_("No key of the course works after that.")
    )
    time_zone = TimeZoneField(label=_("Time zone"), widget=forms.Select(attrs={"translate": "no"}))
    max_students = forms.IntegerField(label=_("Students at most"), min_value=1, max_value=MOST_STUDENTS)
    key_budget_usd = usd_field(label=_("Budget of each student, USD"), help_text=_("For the whole course."))
    playground_budget_usd = usd_field(
        label=_("Playground budget of each student, USD"),
        required=False,
        help_text=_("In addition. Empty: the course does not pay for answers in the Playground."),
    )
    budget_usd = usd_field(
        label=_("Budget in all, USD"), help_text=_("When it is used up, the keys of all students stop.")
    )
    rpm_limit = rate_field(label=_("Requests per minute"), help_text=_("Of each student. Empty: no limit."))
    tpm_limit = rate_field(label=_("Tokens per minute"), help_text=_("Of each student. Empty: no limit."))
    model_names = forms.MultipleChoiceField(
        label=_("Models"),
        widget=forms.CheckboxSelectMultiple(attrs=BOX),
        error_messages={"required": _("Tick at least one model.")},
    )

    def __init__(self, data: Any = None, *, person: User, most: Size, course: Course | None = None) -> None:
        initial = initial_of(course) if course else usual_values(person, most)
        super().__init__(data, initial=initial)
        self.start = course.starts_at if course and has_begun(course, course.starts_at) else None
        if self.start:
            self.fields["starts_at"].disabled = True
            self.fields["starts_at"].help_text = _("The course has begun, so its start cannot be changed.")
        cast("forms.ChoiceField", self.fields["time_zone"]).choices = zone_choices(initial["time_zone"])[1:]
        self.offered = offered_models(most, initial["model_names"])
        cast("forms.MultipleChoiceField", self.fields["model_names"]).choices = [
            (model.name, model.name) for model in self.offered
        ]

    @property
    def boxes(self) -> list[tuple[Any, GatewayModel]]:
        """The models' boxes to tick, each with its model for the prices."""
        return list(zip(self["model_names"], self.offered, strict=True))

    @property
    def sum_usd(self) -> Decimal | None:
        """What all students can spend together by their own budgets; None while the fields are not filled in."""
        each_usd = self.each_usd
        try:
            return None if each_usd is None else int(self["max_students"].value()) * each_usd
        except (ArithmeticError, TypeError, ValueError):
            return None

    @property
    def each_usd(self) -> Decimal | None:
        """What a student can spend with their key and in the Playground; None while it is not filled in."""
        try:
            return Decimal(str(self["key_budget_usd"].value())) + Decimal(self["playground_budget_usd"].value() or 0)
        except ArithmeticError:
            return None

    def clean(self) -> dict[str, Any]:
        """Give start and end their zone; refuse an end before the start, or in the past."""
        values: dict[str, Any] = super().clean() or {}
        zone = ZoneInfo(values["time_zone"]) if values.get("time_zone") else UTC
        for name in ("starts_at", "ends_at"):
            if values.get(name):
                values[name] = values[name].replace(tzinfo=zone)
        if self.start:
            values["starts_at"] = self.start
        start, end = values.get("starts_at"), values.get("ends_at")
        if start and end and end <= start:
            self.add_error("ends_at", ValidationError(_("The end must come after the start."), code="order"))
        elif end and end <= timezone.now():
            self.add_error("ends_at", ValidationError(_("This time is over. Choose a later one."), code="past"))
        return values


def offered_models(most: Size, chosen: Sequence[str]) -> list[GatewayModel]:
    """Return the gateway's models that the policy allows, and those that the course has already."""
    known = list(GatewayModel.objects.all())
    allowed = None if most.model_names is None else {*most.model_names, *chosen}
    offered = [model for model in known if allowed is None or model.name in allowed]
    missing = [name for name in chosen if name not in {model.name for model in known}]
    return [*offered, *(GatewayModel(name=name) for name in missing)]


def initial_of(course: Course) -> dict[str, Any]:
    """Return the values of a course; start and end as its zone shows them."""
    zone, team = ZoneInfo(course.time_zone), course.team
    names = ("budget_usd", "key_budget_usd", "playground_budget_usd", "rpm_limit", "tpm_limit")
    return {
        **{
            name: getattr(course, name)
            for name in ("name", "code", "cost_centre", "description", "time_zone", "max_students")
        },
        **{name: _plain(getattr(team, name)) for name in names},
        "starts_at": course.starts_at.astimezone(zone),
        "ends_at": team.ends_at.astimezone(zone),
        "model_names": list(team.model_names or []),
    }


def usual_values(person: User, most: Size) -> dict[str, Any]:
    """Return the values of a new course: a week from next Monday for a class of 40, within the policy."""
    zone_name = person.time_zone or timezone.get_default_timezone_name()
    today = timezone.localdate(timezone=ZoneInfo(zone_name))
    monday = today + timedelta(days=7 - today.weekday())
    students = min(USUAL_STUDENTS, most.max_students or USUAL_STUDENTS)
    each = min(Decimal(1), most.key_budget_usd or Decimal(1))
    in_all = each * students
    if most.budget_usd is not None:
        in_all = min(in_all, most.budget_usd)
    return {
        "time_zone": zone_name,
        "starts_at": datetime.combine(monday, time(8)),
        "ends_at": datetime.combine(monday + timedelta(days=4), time(20)),
        "max_students": students,
        "key_budget_usd": _plain(each),
        "budget_usd": _plain(in_all),
        "rpm_limit": most.rpm_limit or 20,
        "tpm_limit": most.tpm_limit,
        "model_names": [],
    }


def _plain(value: Any) -> Any:
    """Return an amount without needless zeros: "1" for 1.0000, "0.5" for 0.5000."""
    if not isinstance(value, Decimal):
        return value
    return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
