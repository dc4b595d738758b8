"""My usage, My interns, Everyone: the numbers of a period, as a page or as its region.

Tables of numbers are compressed to a sixth. Django prevents attacks by the length of a compressed
response (BREACH): each response masks the CSRF token differently, and pads the length.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpResponse
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from keys.models import Intern, Key
from keys.use import KeyUse, PersonSpent
from usage.explorer_view import View, view_of
from usage.forecast import Forecast
from usage.models import Anomaly, utc_today
from usage.pages import Page
from usage.queries.budgets import PersonDays, forecast_of_budget, month_forecast, read_at, used_up_on
from usage.queries.cached import everyone_of, explored_overview_of, mine_of
from usage.queries.courses import own_courses
from usage.queries.key_use import person_use
from usage.queries.labels import Explored
from usage.queries.overview import Overview
from usage.queries.people import DEFAULT_ORDER, ORDERS
from usage.views.common import context_of, cost_centre_choices, course_choices, everybody, interns, kind_choices, mine
from usage.views.explorer import context_of_explorer
from web.pages import render_region
from web.request import PortalRequest

MAX_PAGE_DIGITS: Final = 6  # digits of a page
MAX_BUDGETS: Final = 6  # on My usage; My keys has them all


@require_safe
@gzip_page
def index(request: PortalRequest) -> HttpResponse:
    """Show the person's own spend and what is left."""
    return render_region(request, "usage/index.html", "panel", context_of_mine(request, mine(request)))


@require_safe
@gzip_page
def my_interns(request: PortalRequest) -> HttpResponse:
    """Show staff the keys and the spend of their own interns."""
    return render_region(request, "usage/interns.html", "panel", context_of_interns(request, interns(request)))


@require_safe
@gzip_page
def everyone(request: PortalRequest) -> HttpResponse:
    """Show everybody's spend, filtered by the URL."""
    response = render_region(request, "usage/everyone.html", "panel", context_of_everyone(request, everybody(request)))
    if request.htmx:  # a form sends its empty fields too: keep them out of a URL that people share
        params = [(name, value) for name, values in request.GET.lists() for value in values if value]
        response["HX-Push-Url"] = f"{request.path}?{urlencode(params)}" if params else request.path
    return response


def context_of_mine(request: PortalRequest, page: Page) -> dict[str, Any]:
    """Return the context of My usage."""
    view = view_of(request.GET, page)
    state = page.access.state
    numbers, explored, days = mine_of(request.user, page.scope, page.period, state, view.asked)
    use = person_use(request.user, utc_today())
    budgets, forecast = _with_forecasts(_budgets(use.by_key.values()), use.of_person, days, read_at(state))
    has_courses = any(each.kind == Key.Kind.COURSE for each in use.by_key.values())
    courses = own_courses(request.user) if has_courses else {}
    return {
        **_explored(request, page, _labels(numbers) | courses, view, explored),
        "courses": courses,
        "numbers": numbers,
        "has_keys": bool(use.by_key),
        "of_person": use.of_person,
        "forecast": forecast,
        "budgets": budgets[:MAX_BUDGETS],
        "more_budgets": len(budgets[MAX_BUDGETS:]),
        "is_used_up": any(use.tone == "bad" for use in budgets),
    }


def _with_forecasts(
    budgets: list[KeyUse], of_person: PersonSpent | None, days: PersonDays, as_of: datetime
) -> tuple[list[KeyUse], Forecast | None]:
    """Return the budgets of keys with the day on which each is used up, and the forecast of that for all keys."""
    found = []
    for use in budgets:
        forecast = forecast_of_budget(days.by_key.get(use.id, {}), use.budget_usd, use.budget_period, as_of)
        found.append(replace(use, used_up_on=used_up_on(forecast)))
    if of_person is None:
        return found, None
    return found, forecast_of_budget(days.of_budget, of_person.budget_usd, of_person.budget_period, as_of)


def context_of_interns(request: PortalRequest, page: Page) -> dict[str, Any]:
    """Return the context of My interns: the numbers, and each intern's keys."""
    view = view_of(request.GET, page)
    numbers, explored = explored_overview_of(page.scope, page.period, page.access.state, view.asked)
    spent = {share.value: share for share in numbers.keys}
    keys: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    own = list(Intern.objects.supervised_by(request.user).by_name())
    for use in person_use(request.user, utc_today(), by_day=True).by_key.values() if own else ():
        keys[use.intern].append({"use": use, "share": spent.get(str(use.id))})
    return {
        **_explored(request, page, _labels(numbers), view, explored),
        "numbers": numbers,
        "interns": [(intern, keys[intern.pk]) for intern in own],
    }


def context_of_everyone(request: PortalRequest, page: Page) -> dict[str, Any]:
    """Return the context of Everyone."""
    order, view = order_of(request), view_of(request.GET, page)
    number = _number(request)
    data = everyone_of(page.scope, page.period, page.access.state, order=order, number=number, asked=view.asked)
    return {
        **_explored(request, page, data.labels | dict(data.choices.courses), view, data.explored),
        "numbers": data.totals,
        "people": data.people,
        "order": order,
        "year": data.year,
        "forecast": month_forecast(data.days_usd, settings.PORTAL_BUDGET_USD, read_at(page.access.state)),
        "choices": data.choices,
        "courses": course_choices(data.choices.courses, page.scope.course, data.labels),
        "cost_centres": cost_centre_choices(data.choices.cost_centres, page.scope.cost_centre),
        "kinds": kind_choices(),
        "anomalies": Anomaly.objects.filter(day__range=(page.period.first_day, page.period.last_day)).count(),
    }


def _explored(
    request: PortalRequest, page: Page, labels: dict[str, str], view: View, explored: Explored
) -> dict[str, Any]:
    """Return the context of all pages, and that of the explorer."""
    known = {label.value: label.text for label in explored.labels.values() if label.text}
    return {**context_of(request, page, known | labels), **context_of_explorer(view, page, explored)}


def order_of(request: PortalRequest) -> str:
    """Return the order of people that the URL names, or the default."""
    order = request.GET.get("order", "")
    return order if order.removeprefix("-") in ORDERS else DEFAULT_ORDER


def _number(request: PortalRequest) -> int:
    """Return the page number in the URL; the first for an invalid one."""
    text = request.GET.get("page", "")
    return int(text) if len(text) < MAX_PAGE_DIGITS and text.isdecimal() else 1


def _budgets(uses: Iterable[KeyUse]) -> list[KeyUse]:
    """Return the live keys with a budget, the one with the smallest remaining share first."""
    limited = [use for use in uses if use.is_live and use.budget_usd and use.left_usd is not None]
    return sorted(limited, key=lambda use: (use.left_usd or 0) / (use.budget_usd or 1))


def _labels(numbers: Overview) -> dict[str, str]:
    """Return the labels of the keys on the page, by their value in a filter."""
    return {share.value: share.label for share in numbers.keys}
