"""Routes that belong to no app."""

from django.urls import path

from web import health, views

app_name = "web"
urlpatterns = [
    path("theme/", views.theme, name="theme"),
    path("language/", views.language, name="set_language"),
    path("privacy/", views.privacy, name="privacy"),
    path("healthz/live", health.live, name="live"),
    path("healthz/ready", health.ready, name="ready"),
]
