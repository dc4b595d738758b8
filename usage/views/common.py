"""Common to all pages of usage: scope, URL, access."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from keys.models import Key
from usage.explorer_view import FILTER_WORDS
from usage.models import Notice, utc_today
from usage.pages import EVERYONE, INTERNS, MINE, Page, page_of
from usage.periods import MORE_NAMES, NAMES, Period
from usage.queries.access import PageAccess, page_access
from usage.queries.scope import KINDS, NONE, UNATTRIBUTED, joined, values_of
from web.request import PortalRequest

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

PERIOD_WORDS: Final = {
    "today": _("Today"),
    "7d": _("7 days"),
    "30d": _("30 days"),
    "90d": _("90 days"),
    "month": _("This month"),
    "last-month": _("Last month"),
    "yesterday": _("Yesterday"),
    "week": _("This week"),
    "last-week": _("Last week"),
    "semester": _("This semester"),
    "year": _("This year"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A value of an active filter, in words; `rest` is the filter without it."""

    name: str
    title: "StrPromise"
    words: str
    rest: str


def mine(request: PortalRequest) -> Page:
    """Return the page over the person's own keys."""
    return page_of(request.user, MINE, request.GET)


def interns(request: PortalRequest) -> Page:
    """Return the page over the keys that the person is responsible for; refuse people without interns."""
    return page_of(request.user, INTERNS, request.GET)


def everybody(request: PortalRequest) -> Page:
    """Return the page over everybody's keys; refuse people without permission."""
    return page_of(request.user, EVERYONE, request.GET)


def require(user: User, may: Callable[[PageAccess], bool]) -> PageAccess:
    """Return the access of a person with permission; refuse the others."""
    access = page_access(user)
    if not may(access):
        raise PermissionDenied
    return access


def context_of(request: PortalRequest, page: Page, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the context of all pages; `labels` names the values of filters."""
    known = labels or {}
    return {
        "access": page.access,
        "here": page.here,
        "scope": page.scope,
        **context_of_period(page.period),
        "chips": [chip for name, value in page.scope.params().items() for chip in _chips(name, value, known)],
        "notices": notices_of(request.user, page),
        "daily_from": _daily_from(page),
    }


def _daily_from(page: Page) -> date | None:
    """Return the first day that is kept by day, if the page, or the period before, has any that are kept by month."""
    first = page.access.state.daily_from
    return first if first and page.period.previous().first_day < first else None


def context_of_period(period: Period) -> dict[str, Any]:
    """Return the context of the choice of a period."""
    return {
        "period": period,
        "today": utc_today(),
        "periods": [(name, PERIOD_WORDS[name]) for name in NAMES],
        "more_periods": [(name, PERIOD_WORDS[name]) for name in MORE_NAMES],
        "is_other_period": period.name in MORE_NAMES,
        "period_words": PERIOD_WORDS.get(period.name, ""),
    }


def notices_of(user: User, page: Page) -> list[Notice]:
    """Return the notices about the page's budgets that the person has not dismissed; one query.

    Not those about the person's own budget for all keys, which My keys and My usage always show.
    The newest of each budget: on My usage all, on the page of one key its own, on My interns those of interns' keys.
    """
    notices = Notice.objects.filter(person=user, seen_at=None, of_person=False).select_related("key")
    if page.here == INTERNS:
        notices = notices.filter(key__intern__isnull=False)
    elif page.here != MINE:
        notices = notices.filter(key=None)
    if page.scope.key:
        notices = notices.filter(key__in=page.scope.live_keys())
    found: dict[Any, Notice] = {}
    for notice in notices:
        found.setdefault(notice.key_id, notice)
    return list(found.values())


def _chips(name: str, text: str, labels: Mapping[str, str]) -> list[Chip]:
    """Return a chip for each value of a filter."""
    values = values_of(text)
    return [
        Chip(
            name=name,
            title=FILTER_WORDS[name],
            words=_value_words(name, value, labels),
            rest=joined(other for other in values if other != value),
        )
        for value in values
    ]


def _value_words(name: str, value: str, labels: Mapping[str, str]) -> str:
    if value == UNATTRIBUTED:
        return gettext("Unattributed")
    if value == NONE:
        return gettext("none")
    return kind_words(value) if name == "kind" else labels.get(value, value)


def kind_words(value: str) -> str:
    """Return "Personal, temporary" for "personal,temporary"."""
    first, *rest = [str(Key.Kind(kind).label) for kind in value.split(",")]
    return ", ".join([first, *(word.lower() for word in rest)])


def kind_choices() -> list[tuple[str, str]]:
    """Return (value, label) of each kind of key, and of those that people create themselves."""
    return [(value, kind_words(value)) for value in KINDS]


def course_choices(courses: Iterable[tuple[str, str]], chosen: str, labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (value, label) of each course, of none, and of a chosen one that is not among them."""
    choices = dict(courses)
    if choices or chosen:
        choices[NONE] = gettext("No course")
    if chosen and len(values_of(chosen)) == 1:
        choices.setdefault(chosen, labels.get(chosen, chosen))
    return list(choices.items())


def cost_centre_choices(codes: Iterable[str], chosen: str) -> list[tuple[str, str]]:
    """Return (value, label) of each cost centre, of none, and of a chosen one that is not among the codes."""
    choices = {NONE: gettext("No cost centre"), **{joined([code]): code for code in codes}}
    values = values_of(chosen)
    if len(values) == 1:
        choices.setdefault(chosen, values[0])
    return list(choices.items())
