"""A mail server that refuses connections, and one that refuses a person's address."""

from smtplib import SMTPRecipientsRefused

from django.core.mail.backends.base import BaseEmailBackend


class AwayBackend(BaseEmailBackend):
    """Fails as smtplib does."""

    def send_messages(self, messages: object) -> int:
        """Fail."""
        raise ConnectionRefusedError("mail.internal.example refused")


class RefusingBackend(BaseEmailBackend):
    """Fails as smtplib does."""

    def send_messages(self, messages: object) -> int:
        """Refuse."""
        raise SMTPRecipientsRefused({"ada@example.edu": (550, b"no such user")})
