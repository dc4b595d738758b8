"""How a course goes: its budget with a forecast, and what failed, in words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from courses.models import Course
from teaching.hours import Bar, HoursOfDay
from teaching.listing import StudentPage
from teaching.reasons import are_limits, reasons_in_words
from usage.forecast import Forecast, Spend, forecast
from usage.queries.courses import Activity, CourseDay
from web.templatetags.portal import clock, short_day, tokens

A_MOMENT: Final = timedelta(seconds=1)  # before its end, which may be the beginning of a day
MANY: Final = 0.25  # of the students, or of the requests, of an hour or a day: worth a sentence


def forecast_of(course: Course, spend: Spend, as_of: datetime) -> Forecast:
    """Return the forecast of the course's budget, from its spend by day."""
    start, end = max(course.starts_at, course.opened_at or course.starts_at), course.team.ends_at
    first, last = start.astimezone(UTC).date(), (end - A_MOMENT).astimezone(UTC).date()
    return forecast(
        spend,
        first_day=min([first, *spend]),
        last_day=max(first, last),
        budget_usd=course.team.budget_usd,
        as_of=as_of.astimezone(UTC),
        is_over=as_of >= end or course.state == Course.State.ENDED,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """What stops students, in sentences, and whether the limits of the course may be the reason."""

    sentences: tuple[str, ...] = ()
    may_be_limits: bool = False


def failures_in_words(
    course: Course, page: StudentPage, days: Iterable[CourseDay], hours: Sequence[HoursOfDay]
) -> Failures:
    """Say what stops students, and what a teacher can do; not every gateway reports why requests failed.

    The worst hour of the last day has a sentence for each reason that is known, else one with the usual reason; without
    such an hour the worst day has one.
    """
    sentences = []
    used_up = page.states.get("used_up", 0)
    if used_up:
        words = ngettext(
            "%(number)s of %(all)s students has used up their budget: top it up.",
            "%(number)s of %(all)s students have used up their budgets: top them up.",
            used_up,
        )
        sentences.append(words % {"number": tokens(used_up), "all": tokens(page.students)})
    worst = _worst_hour(hours[0]) if hours else None
    if worst and worst.reasons:
        sentences += reasons_in_words(course, worst)
        return Failures(sentences=tuple(sentences), may_be_limits=are_limits(worst.reasons))
    failing = _failing_hour(worst) if worst else _failing_day(days)
    if failing:
        sentences += [failing, _likely_reason(course)]
    has_limits = bool(course.team.rpm_limit or course.team.tpm_limit)
    return Failures(sentences=tuple(sentences), may_be_limits=bool(failing) and has_limits)


def _worst_hour(day: HoursOfDay) -> Bar | None:
    """Return the hour of a day in which most students had failures; None if there were few."""
    worst = max(day.used, key=lambda bar: _severity(bar.numbers))
    return worst if _is_many(worst.numbers) else None


def _failing_hour(worst: Bar) -> str:
    """Say that many students had failures in an hour."""
    numbers = worst.numbers
    words = ngettext(
        "On %(day)s between %(start)s and %(end)s requests of %(failing)s of %(active)s active student failed: "
        "%(failed)s of %(requests)s.",
        "On %(day)s between %(start)s and %(end)s requests of %(failing)s of %(active)s active students failed: "
        "%(failed)s of %(requests)s.",
        numbers.active,
    )
    times = {"day": short_day(worst.starts_at.date()), "start": clock(worst.starts_at), "end": clock(worst.ends_at)}
    return words % {**times, **_in_words(numbers)}


def _failing_day(days: Iterable[CourseDay]) -> str:
    """Say on which day many students had failures; "" if there was none."""
    worst = max(days, key=_severity, default=None)
    if not worst or not _is_many(worst):
        return ""
    words = ngettext(
        "On %(day)s requests of %(failing)s of %(active)s student failed: %(failed)s of %(requests)s.",
        "On %(day)s requests of %(failing)s of %(active)s students failed: %(failed)s of %(requests)s.",
        worst.active,
    )
    return words % {"day": short_day(worst.day), **_in_words(worst)}


def _severity(numbers: Activity) -> tuple[int, int]:
    return numbers.failing, numbers.failed


def _is_many(numbers: Activity) -> bool:
    """Whether so much failed that it is worth a sentence."""
    is_many = numbers.failing >= MANY * numbers.active or numbers.failed >= MANY * numbers.requests
    return bool(numbers.failing) and is_many


def _in_words(numbers: Activity) -> dict[str, str]:
    return {name: tokens(getattr(numbers, name)) for name in ("active", "failing", "requests", "failed")}


def _likely_reason(course: Course) -> str:
    team = course.team
    limits = []
    if team.rpm_limit:
        limits.append(_("%(number)s requests a minute") % {"number": tokens(team.rpm_limit)})
    if team.tpm_limit:
        limits.append(_("%(number)s tokens a minute") % {"number": tokens(team.tpm_limit)})
    if not limits:
        return _("The reason is not known: look at the message that a student gets.")
    words = _("The reason is not known. Often it is the limit of %(limits)s: raise it if students get “429”.")
    return words % {"limits": ", ".join(limits)}
