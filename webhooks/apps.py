"""App configuration."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Webhooks, and the texts of the audit trail about them."""

    name = "webhooks"

    def ready(self) -> None:
        """Register the texts of the audit trail."""
        from webhooks.services import words  # noqa: F401
