"""Routes of the pages about models."""

from django.urls import path

from catalogue.views import health, index

app_name = "catalogue"
urlpatterns = [
    path("models/", index.index, name="index"),
    path("usage/health/", health.health, name="health"),
]
