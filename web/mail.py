"""Where mails go: to the mail server; while none is set up to the console or a file, with readable headers."""

from collections.abc import Sequence
from email.header import decode_header, make_header
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import console, filebased, smtp

from web.metrics import MAILS


def readable(message: EmailMessage) -> str:
    """Return a mail with decoded headers: "Subject: Votre clé", not "=?utf-8?q?…"."""
    heads = [f"{name}: {make_header(decode_header(str(value)))}" for name, value in message.message().items()]
    return "\n".join([*heads, "", str(message.body), "-" * 79, ""])


class SmtpBackend(smtp.EmailBackend):
    """Django's, whose mails are counted."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send the mails; one that is not sent is counted as failed, and so are those behind it."""
        sent = 0
        try:
            sent = super().send_messages(email_messages) or 0
        finally:
            MAILS.labels("sent").inc(sent)
            MAILS.labels("failed").inc(len(email_messages) - sent)
        return sent


class ConsoleBackend(console.EmailBackend):
    """Django's, readable."""

    def write_message(self, message: Any) -> None:
        """Write one mail."""
        self.stream.write(readable(message))


class FileBackend(filebased.EmailBackend):
    """Django's, readable."""

    def write_message(self, message: Any) -> None:
        """Write one mail, to a file that is open for bytes."""
        self.stream.write(readable(message).encode())  # type: ignore[arg-type]  # the stubs have the console's
