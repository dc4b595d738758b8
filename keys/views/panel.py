"""My keys: the form for a new key and the list of keys."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from django.db.models import Exists, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from accounts.models.group_spend import month_first_day
from accounts.policies import policy_of
from keys.forms import KeyForm
from keys.listing import DEFAULT_ORDER, MOST_IN_FULL, filters_of, key_page, order_in
from keys.models import Intern, Key
from keys.rows import grouped, row_with_use
from keys.status import group_used_up
from keys.use import PersonUse, use_counter
from web.listing import chips_of, column_head, number_in
from web.pages import render_region
from web.request import PortalRequest

STATE_WORDS: Final = {
    "attention": _("Needs attention"),
    "active": _("Active"),
    "soon": _("Expires soon"),
    "expired": _("Expired"),
    "paused": _("Paused"),
    "blocked": _("Blocked"),
    "outside": _("Created outside the portal"),
    "ended": _("Expired or deleted today"),
}
COLUMNS: Final = {
    "label": _("Key"),
    "urgency": _("State"),
    "spend": _("Spend, last 30 days"),
    "last": _("Last use"),
    "expires": _("Expires"),
}
FROM_LEAST: Final = ("label", "urgency", "expires")  # the others begin with the newest or the largest


@require_safe
@gzip_page  # no secret is on it; the CSRF token has another mask each time, and the length varies (BREACH)
def index(request: PortalRequest) -> HttpResponse:
    """Show the person's keys, and the form for another: with `intern`, for that intern of theirs.

    With `limits` it has fields for own limits too, which htmx gets alone.
    """
    allowance = policy_of(request.user)
    with_limits = "limits" in request.GET
    form = KeyForm(
        owner=request.user, allowance=allowance, intern_id=request.GET.get("intern", ""), with_limits=with_limits
    )
    if with_limits and request.htmx:
        return render(request, "keys/_own_limits.html", {"form": form, "is_opened": True})
    return render_panel(request, form)


def render_panel(
    request: PortalRequest,
    form: KeyForm | None = None,
    *,
    alert: str = "",
    alert_is_error: bool = False,
    status: int = 200,
) -> HttpResponse:
    """Render My keys; `alert` is a message to the person: what was done or, with `alert_is_error`, why not."""
    form = form or KeyForm(owner=request.user, allowance=policy_of(request.user))
    own: QuerySet[Any] = Key.objects.used_by_owner(request.user).listed(timezone.now())
    is_of_intern = Exists(Intern.objects.filter(account=request.user))
    keys = own.select_related("owner__person_budget").annotate(is_of_intern=is_of_intern).newest_first()
    live = [key for key in keys if key.state in Key.LIVE_STATES and key.kind in Key.COUNTED_KINDS]
    is_long = len(keys) > MOST_IN_FULL
    use = use_counter().of_person(request, keys, by_day=not is_long) if keys else PersonUse()
    use = replace(use, stopped_by=form.allowance.stopped_by)
    listing = _listing(request, keys, use) if is_long else {}
    context = {
        "form": form,
        "allowance": form.allowance,
        "keys": keys,
        "groups": () if listing else grouped(row_with_use(key, use) for key in keys),
        "of_person": use.of_person,
        "use_as_of": use.as_of,
        "notice": use.notice,
        "stopped": use.stopped_by and group_used_up(use.stopped_by, month_first_day()),
        "from_supervisors": Key.objects.used_by(request.user) if not keys or keys[0].is_of_intern else (),
        "live_count": len(live),
        "alert": alert,
        "alert_is_error": alert_is_error,
        **listing,
    }
    narrows = bool(listing) and request.htmx and request.method != "POST"
    response = render_region(request, "keys/index.html", "list" if narrows else "panel", context, status=status)
    if narrows:  # a form sends its empty fields too: keep them out of a URL
        response["HX-Push-Url"] = context["here"]
    return response


def _listing(request: PortalRequest, keys: Sequence[Key], use: PersonUse) -> dict[str, Any]:
    """Return what the template needs for a list that is searched, sorted and paged."""
    params = _params(request)
    filters, order = filters_of(params), order_in(params)
    page, there = key_page(keys, use, filters, order, number_in(params)), partial(_address, filters.params())
    return {
        "page": page,
        "filters": filters,
        "order": order,
        "default_order": DEFAULT_ORDER,
        "states": STATE_WORDS.items(),
        "columns": {
            name: column_head(name, words, order, there, from_least=name in FROM_LEAST, numeric=name == "spend")
            for name, words in COLUMNS.items()
        },
        "chips": chips_of(
            filters.params(),
            {"q": _("Search"), "state": _("State")},
            {"q": filters.q, "state": STATE_WORDS.get(filters.state)},
            lambda others: _address(others, order),
        ),
        "previous": page.previous and there(order, page=page.previous),
        "next": page.next and there(order, page=page.next),
        "here": there(order, page=page.number if page.number > 1 else None),
    }


def _params(request: PortalRequest) -> QueryDict:
    """Return the parameters of the list: after an action by htmx, those of the page that it was done on."""
    shown = urlsplit(request.htmx.current_url_abs_path or "")
    is_list = request.method == "POST" and shown.path == reverse("keys:index")
    return QueryDict(shown.query) if is_list else request.GET


def _address(params: Mapping[str, str], order: str, *, page: int | None = None) -> str:
    """Return a URL of the list; the default order stays out of it."""
    more = {"order": order if order != DEFAULT_ORDER else "", "page": page}
    query = urlencode({name: value for name, value in {**params, **more}.items() if value})
    return f"{reverse('keys:index')}?{query}" if query else reverse("keys:index")
