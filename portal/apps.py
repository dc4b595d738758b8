"""The portal's own app: its checks and commands, and the collection of static files."""

from importlib import import_module

from django.apps import AppConfig, apps
from django.contrib.staticfiles.apps import StaticFilesConfig
from django.db.models.signals import pre_migrate


class PortalConfig(AppConfig):
    """Registers the system checks, stamps the data that migrations make, and starts reports of errors and traces."""

    name = "portal"
    default = True

    def ready(self) -> None:
        """Make the Celery app, and register the checks, by importing them; the signal comes for apps with models."""
        from portal import old_data, telemetry

        for module in ("celery", "checks", "safety_checks"):
            import_module(f"portal.{module}")
        telemetry.start_telemetry()
        pre_migrate.connect(old_data.stamp_data, sender=apps.get_app_config("accounts"))


class PortalStaticFiles(StaticFilesConfig):
    """Leaves out files that no page loads: to compress them would take most of the time of the first start."""

    default = False
    ignore_patterns = [
        *StaticFilesConfig.ignore_patterns,
        "mfa",  # of allauth: security keys have a module of ours
        "django_htmx",  # copies of htmx: ours come from npm, and those import missing files
        *("jquery.js", "select2.full.js", "xregexp.js"),  # of Django's admin, which loads them minified
    ]
