"""Why requests of an hour failed, in sentences with what a teacher can do."""

from collections.abc import Iterable
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from courses.models import Course
from gateway.failure_log import FailureKind
from teaching.hours import Bar
from usage.queries.courses import Reason
from web.templatetags.portal import clock, short_day, tokens

MOST_REASONS: Final = 3  # in sentences
LIMITS: Final = frozenset({FailureKind.REQUESTS, FailureKind.TOKENS, FailureKind.PARALLEL})
HIT_LIMIT: Final = gettext_lazy("%(number)s of %(active)s active students hit the limit of %(limit)s: raise it.")
SENTENCES: Final = {
    FailureKind.REQUESTS: HIT_LIMIT,
    FailureKind.TOKENS: HIT_LIMIT,
    FailureKind.PARALLEL: HIT_LIMIT,
    FailureKind.BUDGET: gettext_lazy("%(number)s of %(active)s active students had no budget left: top them up."),
    FailureKind.MODEL: gettext_lazy(
        "%(number)s of %(active)s active students called a model that the course does not have."
    ),
    FailureKind.PROVIDER: gettext_lazy(
        "%(number)s of %(active)s active students had failures at the model’s provider: try another model."
    ),
    FailureKind.OTHER: gettext_lazy(
        "%(number)s of %(active)s active students had failures for another reason: look at the message that they get."
    ),
}


def reasons_in_words(course: Course, hour: Bar) -> list[str]:
    """Say why requests failed in an hour, the reason of most students first; say so if not all reasons were read."""
    shown = hour.reasons[:MOST_REASONS]
    sentences = [_sentence(course, hour, reason) for reason in shown]
    times = {
        "day": short_day(hour.starts_at.date()),
        "start": clock(hour.starts_at),
        "end": clock(hour.ends_at),
        "reason": sentences[0],
    }
    sentences[0] = _("On %(day)s between %(start)s and %(end)s, %(reason)s") % times
    if any(reason.is_partial for reason in hour.reasons):
        sentences.append(_("The gateway’s log was too long to be read completely: there may have been more."))
    return sentences


def are_limits(reasons: Iterable[Reason]) -> bool:
    """Return whether a limit of the course is among the reasons."""
    return any(reason.kind in LIMITS for reason in reasons)


def _sentence(course: Course, hour: Bar, reason: Reason) -> str:
    kind = FailureKind(reason.kind)
    active = max(hour.numbers.active, reason.students)  # an hour's failures may be counted in the next one
    numbers = {"number": tokens(reason.students), "active": tokens(active), "limit": _limit(course, kind)}
    return str(SENTENCES[kind]) % numbers


def _limit(course: Course, kind: FailureKind) -> str:
    """Return the present limit in words."""
    if kind == FailureKind.PARALLEL:
        return _("requests at once")
    if kind == FailureKind.REQUESTS:
        limit = course.team.rpm_limit
        return _("%(number)s requests a minute") % {"number": tokens(limit)} if limit else _("requests a minute")
    limit = course.team.tpm_limit
    return _("%(number)s tokens a minute") % {"number": tokens(limit)} if limit else _("tokens a minute")
