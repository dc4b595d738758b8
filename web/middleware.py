"""The door before every page, and response headers that Django has no setting for."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

# What a page of the portal may ask the browser for: the clipboard, to copy a key, and nothing else.
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
    """Add the permissions policy; keep what a signed-in person sees out of shared and disk caches."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return middleware


def any_host_for_health(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Let a probe ask by any name or address: it knows the machine, and perhaps not the portal's host."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/healthz/"):
            request.META["HTTP_HOST"] = urlsplit(settings.PORTAL_URL).netloc
        return get_response(request)

    return middleware


class SignInFirst(LoginRequiredMiddleware):
    """Sends who is not signed in to the door, and from there back to the page that they were on.

    Django would send them to where a form goes, and GET makes no sense to a view that acts.
    """

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., Any]) -> HttpResponseRedirect:
        """Ask to sign in."""
        if request.method in ("GET", "HEAD"):
            return super().handle_no_permission(request, view_func)
        return redirect_to_login(page_before(request), self.get_login_url(view_func))


def page_before(request: HttpRequest) -> str:
    """Return the path of the page of ours that sent this request; the first page when none did."""
    told = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(told, {request.get_host()}, require_https=request.is_secure()):
        return "/"
    page = urlsplit(told)
    return f"{page.path}?{page.query}" if page.query else page.path or "/"
