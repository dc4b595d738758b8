"""The app of people."""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People, policies, audit trail."""

    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        """Register the checks of the settings."""
        from accounts import checks

        register(checks.institution_is_asked_over_https, Tags.security)
        register(checks.identity_is_asked_for, Tags.security)
