"""The app of keys."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class KeysConfig(AppConfig):
    """Keys, and the words of the trail about them."""

    name = "keys"
    verbose_name = _("Keys")

    def ready(self) -> None:
        """Load the words of the trail, also where no key is ever touched; find interns who sign in."""
        from accounts.at_sign_in import at_sign_in
        from keys.services import interns, trail  # noqa: F401

        at_sign_in(interns.link_account)
