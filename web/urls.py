"""Routes that belong to no app."""

from django.contrib.auth.decorators import login_not_required
from django.urls import path
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from web import health, views

app_name = "web"
urlpatterns = [
    path("theme/", views.theme, name="theme"),
    path("language/", login_not_required(require_POST(set_language)), name="set_language"),
    path("privacy/", views.privacy, name="privacy"),
    path("healthz/live", health.live, name="live"),
    path("healthz/ready", health.ready, name="ready"),
]
