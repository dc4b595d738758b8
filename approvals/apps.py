"""The app."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Requests and grants: pages, mails, and what follows at the gateway. The rows are of accounts."""

    name = "approvals"

    def ready(self) -> None:
        """Add the words of its codes to those of the trail."""
        from approvals.services import trail  # noqa: F401
