"""The list of all keys: a page, its region, and a file."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final
from urllib.parse import urlencode

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from keys.models import Key
from people.key_listing import ListedKey, every_key, key_page
from people.key_search import DEFAULT_ORDER, KINDS, ORDERS, KeyFilters, key_filters_of
from people.listing import IDLE_DAYS
from people.views.common import require_sight
from people.views.index import idle_words
from usage.models import utc_today
from web.currency_columns import with_currency
from web.listing import chips_of, column_head, number_in
from web.pages import render_region
from web.request import PortalRequest
from web.spreadsheet import Row, csv_response, format_of

STATE_WORDS: Final = {
    "active": _("Active"),
    "blocked": _("Blocked"),
    "expired": _("Expired"),
    "soon": _("Expires within 7 days"),
    "outside": _("Created outside the portal"),
}
KIND_WORDS: Final = {value: Key.Kind(value).label for value in KINDS}
OWNER_WORDS: Final = {"inactive": pgettext_lazy("account", "Inactive"), "left": _("Supervisor who has left")}
FILTER_WORDS: Final = {
    "q": _("Search"),
    "state": _("State"),
    "kind": _("Kind"),
    "idle": _("Last use"),
    "owner": _("Owner"),
    "group": _("Group"),
    "over": _("Budget"),
}
COLUMNS: Final = {
    "key": _("Key"),
    "last_four": _("Secret ends in"),
    "owner": _("Owner"),
    "owner_name": _("Name"),
    "owner_email": _("E-mail"),
    "intern": _("Intern"),
    "kind": _("Kind"),
    "state": _("State"),
    "spend_30_days_usd": _("Spend, last 30 days (USD)"),
    "budget_usd": _("Budget (USD)"),
    "budget_spent_usd": _("Spent of the budget (USD)"),
    "last_use": _("Last use"),
    "expires": _("Expires"),
    "created": _("Created"),
}
FROM_LEAST: Final = ("label", "owner", "expires")  # the others begin with the newest or the largest


@require_safe
@gzip_page
def keys(request: PortalRequest) -> HttpResponse:
    """Show the keys within the filters of the URL."""
    access, filters, order = require_sight(request), key_filters_of(request.GET), order_in(request.GET)
    admin = request.user if access.manages_people else None
    page = key_page(filters, order, number_in(request.GET), access.state, utc_today(), admin=admin)
    context = {
        "access": access,
        "here": "people:keys",
        "filters": filters,
        "page": page,
        "order": order,
        "default_order": DEFAULT_ORDER,
        "chips": _chips(filters, order),
        "states": STATE_WORDS.items(),
        "kinds": KIND_WORDS.items(),
        "owners": OWNER_WORDS.items(),
        "groups": page.groups,
        "idle_choices": [(str(days), idle_words(days)) for days in IDLE_DAYS],
        "csv_address": address(filters, order, route="people:keys_csv"),
        "csv_for_people": address(filters, order, route="people:keys_csv", **{"for": "people"}),
        "hidden": hidden(filters, order),
        "columns": _heads(filters, order),
        "previous": page.previous and address(filters, order, page=page.previous),
        "next": page.next and address(filters, order, page=page.next),
    }
    response = render_region(request, "people/keys.html", "panel", context)
    if request.htmx:  # a form sends its empty fields too: keep them out of a URL that people share
        response["HX-Push-Url"] = address(filters, order, page=page.number if page.number > 1 else None)
    return response


@require_safe
@gzip_page
def keys_csv(request: PortalRequest) -> StreamingHttpResponse:
    """Return the whole list, with the filters and in the order of the page."""
    access, form = require_sight(request), format_of(request)
    header = [str(words) if form.for_people else name for name, words in COLUMNS.items()]
    found = every_key(key_filters_of(request.GET), order_in(request.GET), access.state, utc_today())
    rows = _rows(header, found, for_people=form.for_people)
    return csv_response(f"passerelle-keys-{utc_today()}.csv", with_currency([*COLUMNS], rows), form)


def _rows(header: Row, found: Iterable[ListedKey], *, for_people: bool) -> Iterable[Row]:
    yield header
    for each in found:
        yield _cells(each, for_people=for_people)


def _cells(each: ListedKey, *, for_people: bool) -> Row:
    key, owner = each.key, each.key.owner
    return [
        key.label,
        each.last_four,
        owner.username,
        owner.get_full_name(),
        owner.email,
        key.intern.name if key.intern else "",
        key.get_kind_display() if for_people else key.kind,
        str(each.status.word) if for_people else each.status.code,
        key.recent_usd,
        each.use.budget_usd,
        each.use.spent_usd if each.use.budget_usd else None,
        key.last_used_on,
        key.expires_at and key.expires_at.date(),
        key.created_at.date(),
    ]


def order_in(params: Mapping[str, str]) -> str:
    """Return the order that a URL names, or the default."""
    order = params.get("order", "")
    return order if order.removeprefix("-") in ORDERS else DEFAULT_ORDER


def address(filters: KeyFilters, order: str, *, route: str = "people:keys", **more: object) -> str:
    """Return a URL of the list; the default order and None values stay out of it."""
    params = {**dict(hidden(filters, order)), **more}
    query = urlencode({name: value for name, value in params.items() if value not in (None, "")})
    return f"{reverse(route)}?{query}" if query else reverse(route)


def hidden(filters: KeyFilters, order: str) -> list[tuple[str, str]]:
    """Return the hidden fields of a form that keep the list as it is."""
    return [*filters.params().items(), *([("order", order)] if order != DEFAULT_ORDER else [])]


def _chips(filters: KeyFilters, order: str) -> list[dict[str, object]]:
    """Return the active filters in words, each with the URL without it."""
    params = filters.params()
    words = {
        **params,
        "state": STATE_WORDS.get(filters.state),
        "kind": KIND_WORDS.get(filters.kind),
        "idle": idle_words(int(filters.idle)) if filters.idle else "",
        "owner": OWNER_WORDS.get(filters.owner),
        "over": gettext("Used up"),
    }
    return chips_of(params, FILTER_WORDS, words, lambda others: address(KeyFilters(**others), order))


def _heads(filters: KeyFilters, order: str) -> dict[str, dict[str, object]]:
    """Return the headers of sortable columns."""
    titles = {
        "label": _("Key"),
        "owner": _("Owner"),
        "spend": _("Spend, last 30 days"),
        "last": _("Last use"),
        "expires": _("Expires"),
        "created": _("Created"),
    }
    there = partial(address, filters)
    return {
        name: column_head(name, words, order, there, from_least=name in FROM_LEAST, numeric=name == "spend")
        for name, words in titles.items()
    }
