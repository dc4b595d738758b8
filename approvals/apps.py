"""App configuration."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Requests and grants: pages, mails, and changes at the gateway. The rows belong to accounts."""

    name = "approvals"
