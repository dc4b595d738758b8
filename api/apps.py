"""App configuration."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The API for scripts."""

    name = "api"
