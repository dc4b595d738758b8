"""Every route of the portal, below the path of PORTAL_URL (ADR 59)."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from portal.metrics.views import metrics

handler400 = "web.errors.bad_request"
handler403 = "web.errors.forbidden"
handler404 = "web.errors.not_found"
handler500 = "web.errors.server_error"

_routes: list[URLPattern | URLResolver] = [
    path("", include("keys.urls")),
    path("usage/", include("usage.urls")),
    path("courses/", include("courses.urls")),
    path("people/", include("people.urls")),
    path("courses/", include("teaching.urls")),
    path("", include("catalogue.urls")),
    path("", include("approvals.urls")),
    path("", include("notices.urls")),
    path("", include("scim.urls")),
    path("", include("api.urls")),
    path("webhooks/", include("webhooks.urls")),
    path("playground/", include("playground.urls")),
    path("", include("web.urls")),
    path("account/", include("accounts.urls")),
    path("admin/status/", include("portal.status.urls")),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
]
urlpatterns = [path(settings.PORTAL_PATH.removeprefix("/"), include(_routes))]
