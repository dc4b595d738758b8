"""The list of people: a page, its region, and a file."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib.auth.models import Group
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from accounts.names import name_order
from people.listing import DEFAULT_ORDER, IDLE_DAYS, ORDERS, Filters, Listed, everybody, filters_of, list_page
from people.views.common import require_sight
from usage.models import utc_today
from web.currency_columns import with_currency
from web.listing import chips_of, column_head, number_in
from web.pages import render_region
from web.request import PortalRequest
from web.spreadsheet import Row, csv_response, format_of

STATE_WORDS: Final = {
    "active": pgettext_lazy("account", "Active"),
    "invited": _("Invited, not yet signed in"),
    "inactive": pgettext_lazy("account", "Inactive"),
    "left": _("Inactive, with interns"),
    "anonymised": _("Anonymised"),
}
KEYS_WORDS: Final = {"some": _("Has live keys"), "none": _("Has no live key")}
FILTER_WORDS: Final = {
    "q": _("Search"),
    "group": _("Group"),
    "supervisor": _("Supervisor"),
    "state": _("Account"),
    "idle": _("Last use"),
    "keys": _("Keys"),
    "over": _("Budget"),
}
COLUMNS: Final = {
    "person": _("User name"),
    "name": _("Name"),
    "email": _("E-mail"),
    "groups": _("Groups"),
    "account": _("Account"),
    "live_keys": _("Live keys"),
    "spend_30_days_usd": _("Spend, last 30 days (USD)"),
    "budget_usd": _("Budget (USD)"),
    "budget_spent_usd": _("Spent of the budget (USD)"),
    "last_use": _("Last use"),
    "joined": _("Account since"),
    "cost_centre": _("Cost centre"),
}


@require_safe
@gzip_page
def index(request: PortalRequest) -> HttpResponse:
    """Show the people within the filters of the URL."""
    access, filters, order = require_sight(request), filters_of(request.GET), order_in(request.GET)
    page = list_page(filters, order, number_in(request.GET), access.state, utc_today())
    context = {
        "access": access,
        "here": "people:index",
        "filters": filters,
        "page": page,
        "groups": sorted(Group.objects.values_list("name", flat=True), key=name_order),
        "order": order,
        "chips": _chips(filters, order, dict(page.supervisors)),
        "states": STATE_WORDS.items(),
        "keys_choices": KEYS_WORDS.items(),
        "idle_choices": [(str(days), idle_words(days)) for days in IDLE_DAYS],
        "csv_address": address(filters, order, route="people:csv"),
        "csv_for_people": address(filters, order, route="people:csv", **{"for": "people"}),
        "hidden": {**filters.params(), **({"order": order} if order != DEFAULT_ORDER else {})}.items(),
        "columns": _heads(filters, order),
        "previous": page.previous and address(filters, order, page=page.previous),
        "next": page.next and address(filters, order, page=page.next),
    }
    response = render_region(request, "people/index.html", "panel", context)
    if request.htmx:  # a form sends its empty fields too: keep them out of a URL that people share
        response["HX-Push-Url"] = address(filters, order, page=page.number if page.number > 1 else None)
    return response


@require_safe
@gzip_page
def people_csv(request: PortalRequest) -> StreamingHttpResponse:
    """Return the whole list, with the filters and in the order of the page."""
    access, form = require_sight(request), format_of(request)
    header = [str(words) if form.for_people else name for name, words in COLUMNS.items()]
    found = everybody(filters_of(request.GET), order_in(request.GET), access.state, utc_today())
    states = {name: str(words) if form.for_people else name for name, words in STATE_WORDS.items()}
    rows = with_currency([*COLUMNS], _rows(header, found, states))
    return csv_response(f"passerelle-people-{utc_today()}.csv", rows, form)


def _rows(header: Row, found: Any, states: dict[str, str]) -> Any:
    yield header
    for each in found:
        yield _cells(each, states)


def _cells(each: Listed, states: dict[str, str]) -> Row:
    person = each.person
    return [
        person.username,
        person.get_full_name(),
        person.email,
        ", ".join(each.groups),
        states[state_of(each)],
        each.live_keys,
        each.recent_usd,
        each.budget_usd,
        each.spent_usd if each.budget_usd else None,
        each.last_day,
        person.date_joined.date(),
        person.cost_centre,
    ]


def state_of(each: Listed) -> str:
    """Return the key of STATE_WORDS for an account."""
    if each.person.anonymised_at:
        return "anonymised"
    if each.is_invited:
        return "invited"
    return "active" if each.person.is_active else "inactive"


def order_in(params: Mapping[str, str]) -> str:
    """Return the order that a URL names, or the default."""
    order = params.get("order", "")
    return order if order.removeprefix("-") in ORDERS else DEFAULT_ORDER


def address(filters: Filters, order: str, *, route: str = "people:index", **more: object) -> str:
    """Return a URL of the list; the default order and None values stay out of it."""
    params = {**filters.params(), "order": order if order != DEFAULT_ORDER else None, **more}
    query = urlencode({name: value for name, value in params.items() if value not in (None, "")})
    return f"{reverse(route)}?{query}" if query else reverse(route)


def idle_words(days: int) -> str:
    """Say that it is unused for so many days."""
    return gettext("Not for %(days)d days") % {"days": days}


def _chips(filters: Filters, order: str, supervisors: dict[str, str]) -> list[dict[str, object]]:
    """Return the active filters in words, each with the URL without it."""
    params = filters.params()
    words = {
        **params,
        "supervisor": supervisors.get(filters.supervisor, filters.supervisor),
        "state": STATE_WORDS.get(filters.state),
        "idle": idle_words(int(filters.idle)) if filters.idle else "",
        "keys": KEYS_WORDS.get(filters.keys),
        "over": gettext("Used up"),
    }
    return chips_of(params, FILTER_WORDS, words, lambda others: address(Filters(**others), order))


def _heads(filters: Filters, order: str) -> list[dict[str, object]]:
    """Return the headers of sortable columns."""
    titles = {
        "person": _("Person"),
        "keys": _("Live keys"),
        "spend": _("Spend, last 30 days"),
        "last": _("Last use"),
        "joined": _("Account since"),
    }
    there = partial(address, filters)
    return [
        column_head(name, words, order, there, from_least=name == "person", numeric=name in ("keys", "spend"))
        for name, words in titles.items()
    ]
