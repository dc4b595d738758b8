"""A mail server that refuses connections."""

from django.core.mail.backends.base import BaseEmailBackend


class AwayBackend(BaseEmailBackend):
    """Fails as smtplib does."""

    def send_messages(self, messages: object) -> int:
        """Fail."""
        raise ConnectionRefusedError("mail.internal.example refused")
