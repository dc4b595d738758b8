"""Routes of the pages about models."""

from django.urls import path

from catalogue.views import health, index, one_model

app_name = "catalogue"
urlpatterns = [
    path("models/", index.index, name="index"),
    path("describe-model/<path:name>/", one_model.describe, name="describe"),
    path("models/<path:name>/", one_model.model, name="model"),
    path("usage/health/", health.health, name="health"),
]
