"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class KeysConfig(AppConfig):
    """Keys, and the texts of the audit trail about them."""

    name = "keys"
    verbose_name = _("Keys")

    def ready(self) -> None:
        """Register the texts of the audit trail, and the hook that links interns to accounts at sign-in."""
        from accounts.at_sign_in import at_sign_in
        from keys.services import interns, trail  # noqa: F401

        at_sign_in(interns.link_account)
