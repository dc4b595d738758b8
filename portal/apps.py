"""The portal's own app, for its checks and commands, and how static files are collected."""

from django.apps import AppConfig
from django.contrib.staticfiles.apps import StaticFilesConfig


class PortalConfig(AppConfig):
    """Registers the system checks."""

    name = "portal"
    default = True

    def ready(self) -> None:
        """Register the checks by importing them."""
        from portal import checks, old_data, safety_checks  # noqa: F401


class PortalStaticFiles(StaticFilesConfig):
    """Leaves out django-htmx's copies of htmx: npm brings ours, and they import files that are not there."""

    default = False
    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "django_htmx"]
