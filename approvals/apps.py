"""App configuration."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Requests and grants: pages, mails, and changes at the gateway. The rows belong to accounts."""

    name = "approvals"

    def ready(self) -> None:
        """Register the texts of its codes in the audit trail."""
        from approvals.services import trail  # noqa: F401
