"""Redirects: only to pages of ours, and with URLs that fit through the proxies on the way.

A proxy accepts a response header of 4 KiB and a request line of 8 KiB, as nginx does; a teacher's link has up to 3,500
characters, and more within another address.
"""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote, urlencode, urljoin, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.http import MAX_URL_LENGTH, url_has_allowed_host_and_scheme

LONGEST_LOCATION: Final = 2000  # characters, next to the other headers
LONGEST_LINE: Final = 7500  # of the 8,190 that nginx takes
DOTS: Final = re.compile(r"(^|/)\.\.?(/|$)")  # parts of a path that browsers and proxies resolve
MORE_SAFE: Final = "/?=:,;@!$'()*~"  # what needs no escape within a query


def is_ours(request: HttpRequest, address: str) -> bool:
    """Say whether `address` is a page of ours. Django's own check refuses long ones."""
    if len(address) > LONGEST_LINE:
        return False
    hosts = {request.get_host()}
    if not url_has_allowed_host_and_scheme(address[:MAX_URL_LENGTH], hosts, require_https=request.is_secure()):
        return False
    given: str = urlsplit(address).path
    if DOTS.search(unquote(given).replace("\\", "/")):  # %2e%2e is .. to a browser, and %2f is / to a proxy
        return False
    path: str = urlsplit(urljoin(settings.PORTAL_PATH, address)).path or "/"
    return path.startswith(settings.PORTAL_PATH)  # else another site of this host


def next_page(request: HttpRequest, default: str) -> str:
    """Return the next page that the form requests, if that is a page of ours."""
    wanted = request.POST.get("next", "")
    return wanted if is_ours(request, wanted) else default


def with_next(address: str, target: str) -> str:
    """Return `address` with `target` as its `next`; without the query of `target` or without `next` if too long."""
    choices = (
        urlencode({"next": target}, safe="/"),
        urlencode({"next": target}, safe=MORE_SAFE),
        urlencode({"next": target.partition("?")[0]}, safe="/"),
    )
    query = next((query for query in choices if len(query) <= LONGEST_LINE), "")
    return f"{address}?{query}" if target and query else address


def fit_redirects(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Redirect by a page where the URL does not fit into a response header."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if len(response.headers.get("HX-Push-Url", "")) > LONGEST_LOCATION:
            del response.headers["HX-Push-Url"]
        address = response.headers.get("Location", "")
        if len(address) <= LONGEST_LOCATION:
            return response
        page = HttpResponse(render_to_string("web/redirect.html", {"address": address}))
        page.cookies = response.cookies
        for name, value in response.headers.items():
            if name not in ("Location", "Content-Length", "Content-Type"):
                page.headers[name] = value
        if "HX-Request" in request.headers:
            page.headers["HX-Refresh"] = "true"  # otherwise htmx would insert the page into a part of another
        return page

    return middleware
