"""App configuration."""

from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    """The pages about models."""

    name = "catalogue"
    default_auto_field = "django.db.models.BigAutoField"
