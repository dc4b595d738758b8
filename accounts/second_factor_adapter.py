"""What allauth.mfa asks of the portal: its secrets are encrypted, and it is named by PORTAL_URL."""

from urllib.parse import urlsplit

from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from web import encryption

PURPOSE = "second factor"


class SecondFactorAdapter(DefaultMFAAdapter):
    """Encryption, and names."""

    error_messages = {**DefaultMFAAdapter.error_messages, "incorrect_code": _("The security key was not accepted.")}

    def encrypt(self, text: str) -> str:
        """Encrypt a secret for the database."""
        return encryption.encrypt(text, purpose=PURPOSE)

    def decrypt(self, encrypted_text: str) -> str:
        """Return a secret of the database; raises Undecryptable."""
        return encryption.decrypt(encrypted_text, purpose=PURPOSE)

    def get_totp_issuer(self) -> str:
        """Return the name that the authenticator app shows."""
        return "Passerelle"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Name the portal to browsers and security keys; keys are bound to its host."""
        return {"id": urlsplit(settings.PORTAL_URL).hostname or "", "name": "Passerelle"}
