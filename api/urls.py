"""Routes of the API, its documentation, and the pages of access tokens."""

from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, include, path

from api.v1 import api
from api.views import device, documentation, leak_reports, tokens

app_name = "api"


def _of_version(routes: list[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """Return the routes of the API without the redirect to the sign-in page: its own check answers 401."""
    for route in routes:
        if isinstance(route, URLPattern):
            route.callback = login_not_required(route.callback)
    return routes


_routes, _app_name, _namespace = api.urls
urlpatterns = [
    path("account/access-tokens/", tokens.index, name="tokens"),
    path("account/access-tokens/<uuid:token_id>/revoke/", tokens.revoke, name="revoke_token"),
    path("account/device/", device.page, name="device"),
    path("api/device/authorize/", device.authorize, name="device_authorize"),
    path("api/device/token/", device.token, name="device_token"),
    path("people/access-tokens/", tokens.of_everybody, name="all_tokens"),
    path("people/access-tokens/<uuid:token_id>/revoke/", tokens.revoke_for, name="revoke_for"),
    path("leak-reports/", leak_reports.receive, name="leak_reports"),
    path("api/docs/", documentation.page, name="documentation"),
    path("api/v1/", include((_of_version(_routes), _app_name), namespace=_namespace)),
]
