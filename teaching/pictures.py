"""How a course goes: its budget with a forecast, its days, what failed, in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from courses.models import Course
from teaching.listing import StudentPage
from usage.queries.courses import CourseDay
from web.templatetags.portal import short_day, tokens

FIRST_DAY_S: Final = 24 * 3600  # the first day counts as a whole: an hour says nothing about a course
MANY: Final = 0.25  # of the students, or of the requests, of a day: worth a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a course has spent of its budget, and what it will have spent at its end at this pace."""

    spent_usd: Decimal
    budget_usd: Decimal
    projected_usd: Decimal
    ends_at: datetime
    is_over: bool  # it has ended: nothing is to come

    @property
    def over_usd(self) -> Decimal:
        """By how much the forecast exceeds the budget; negative if it is below."""
        return self.projected_usd - self.budget_usd

    @property
    def spent_percent(self) -> int:
        """The spent share of the budget, for a bar."""
        return min(100, round(100 * self.spent_usd / self.budget_usd))

    @property
    def projected_percent(self) -> int:
        """The forecast share of the budget, for a bar."""
        return min(100, round(100 * self.projected_usd / self.budget_usd))


def pace_of(course: Course, spent_usd: Decimal, as_of: datetime) -> Pace:
    """Extrapolate linearly from the start of the course to its end."""
    start, end = max(course.starts_at, course.opened_at or course.starts_at), course.team.ends_at
    whole_s = Decimal((end - start).total_seconds())
    gone_s = Decimal((min(as_of, end) - start).total_seconds())
    is_over = as_of >= end or course.state == Course.State.ENDED
    projected = spent_usd
    if not is_over and whole_s > 0:
        projected = spent_usd * whole_s / min(whole_s, max(gone_s, Decimal(FIRST_DAY_S)))
    return Pace(
        spent_usd=spent_usd,
        budget_usd=course.team.budget_usd,
        projected_usd=projected,
        ends_at=end,
        is_over=is_over,
    )


def failures_in_words(course: Course, page: StudentPage, days: Iterable[CourseDay]) -> list[str]:
    """Say what stops students, and what a teacher can do; the gateway reports failures by day, without a reason."""
    sentences = []
    used_up = page.states.get("used_up", 0)
    if used_up:
        words = ngettext(
            "%(number)s of %(all)s students has used up their budget: top it up.",
            "%(number)s of %(all)s students have used up their budgets: top them up.",
            used_up,
        )
        sentences.append(words % {"number": tokens(used_up), "all": tokens(page.students)})
    worst = max(days, key=lambda day: (day.failing, day.failed), default=None)
    if worst and worst.failing and (worst.failing >= MANY * worst.active or worst.failed >= MANY * worst.requests):
        words = ngettext(
            "On %(day)s requests of %(failing)s of %(active)s student failed: %(failed)s of %(requests)s.",
            "On %(day)s requests of %(failing)s of %(active)s students failed: %(failed)s of %(requests)s.",
            worst.active,
        )
        numbers = {"failing": tokens(worst.failing), "active": tokens(worst.active)}
        counts = {"failed": tokens(worst.failed), "requests": tokens(worst.requests)}
        sentences.append(words % {"day": short_day(worst.day), **numbers, **counts})
        sentences.append(_likely_reason(course))
    return sentences


def _likely_reason(course: Course) -> str:
    team = course.team
    limits = []
    if team.rpm_limit:
        limits.append(_("%(number)s requests a minute") % {"number": tokens(team.rpm_limit)})
    if team.tpm_limit:
        limits.append(_("%(number)s tokens a minute") % {"number": tokens(team.tpm_limit)})
    if not limits:
        return _("The gateway does not report why: look at the message that a student gets.")
    words = _("The gateway does not report why. Often it is the limit of %(limits)s: raise it if students get “429”.")
    return words % {"limits": ", ".join(limits)}
