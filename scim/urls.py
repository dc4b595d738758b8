"""Routes of the SCIM service and of its page."""

from django.urls import include, path, re_path

from scim.views import clients, service

_service = [re_path(r"^(?:/(?P<path>.*))?$", service.serve, name="service")]
app_name = "scim"
urlpatterns = [
    path("people/scim/", clients.clients, name="clients"),
    path("people/scim/<slug:provider_id>/secret/", clients.secret, name="secret"),
    path("people/scim/<slug:provider_id>/revoke/", clients.revoke, name="revoke"),
    path("scim/v2", include((_service, "v2"), namespace="v2")),
]
