"""The portal's own app: its checks and commands, and the collection of static files."""

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
    """Leaves out django-htmx's copies of htmx: ours come from npm, and those import missing files."""

    default = False
    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "django_htmx"]
