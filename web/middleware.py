"""Middleware: sign-in, host names, security headers that Django has no setting for."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus, urlencode, urlsplit

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import escape_leading_slashes

from gateway.secret import has_secret, redact
from web.addresses import is_probe, path_within
from web.redirects import is_ours, with_next
from web.request import referrer_policy

# Browser features for pages of the portal: the clipboard, to copy a key, and nothing else.
PERMISSIONS_POLICY = ", ".join(
    [
        "clipboard-write=(self)",
        *(
            f"{feature}=()"
            for feature in (
                "accelerometer",
                "camera",
                "display-capture",
                "geolocation",
                "gyroscope",
                "magnetometer",
                "microphone",
                "midi",
                "payment",
                "usb",
            )
        ),
    ]
)


def security_headers(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Add the policies on permissions and referrers; keep pages of signed-in people out of shared and disk caches."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Referrer-Policy", referrer_policy(request))
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return middleware


def any_host_for_health(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Accept any host name for health checks: a probe knows the machine, and perhaps not the portal's host."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if is_probe(request):
            request.META["HTTP_HOST"] = urlsplit(settings.PORTAL_URL).netloc
        return get_response(request)

    return middleware


def one_host(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Accept one host and port, those of PORTAL_URL: a proxy may drop an unusual port, and links are built from it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.get_host()  # refuses other names
        if settings.TRUSTED_PROXY_COUNT or not settings.EMBEDDED:  # else any port is fine: of a tunnel, a container
            request.META["HTTP_HOST"] = urlsplit(settings.PORTAL_URL).netloc
        return get_response(request)

    return middleware


def utf8_forms(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Read every form as UTF-8, whatever its header says: UTF-7 could smuggle in lone surrogates."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if (request.content_params or {}).get("charset"):
            request.encoding = "utf-8"
        return get_response(request)

    return middleware


def no_secret_in_addresses(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Redirect a URL with a key's secret to the same one without it: pages, history and Referer never contain it.

    A person has pasted it into a search or a filter. web.logs redacts the log. Links of sign-in are left alone:
    their random codes may happen to look like a secret.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        query, path = request.META.get("QUERY_STRING", ""), path_within(request)
        is_asked = request.method in ("GET", "HEAD") and not path.startswith(("/account/", "/link/"))
        if is_asked and (has_secret(unquote_plus(query)) or has_secret(path)):
            given = [(name, redact(value)) for name, value in parse_qsl(query, keep_blank_values=True)]
            return HttpResponseRedirect(f"{escape_leading_slashes(quote(redact(request.path)))}?{urlencode(given)}")
        return get_response(request)

    return middleware


class LoginRequired(LoginRequiredMiddleware):
    """Sends anonymous users to the sign-in page, and from there back to the page that they were on.

    Django would send them to the URL of the form, and a view for POST has no GET.
    """

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., Any]) -> HttpResponseRedirect:
        """Redirect to the sign-in page."""
        page = request.get_full_path() if request.method in ("GET", "HEAD") else page_before(request)
        return HttpResponseRedirect(with_next(resolve_url(self.get_login_url(view_func)), page))


def page_before(request: HttpRequest) -> str:
    """Return the path of the page of ours that sent this request; the first page when there is none."""
    referer = request.headers.get("Referer", "")
    if not is_ours(request, referer):
        return settings.PORTAL_PATH
    page = urlsplit(referer)
    return f"{page.path}?{page.query}" if page.query else page.path or settings.PORTAL_PATH
