"""Where mails go while no mail server is set up: to the console or a file, with readable headers."""

from email.header import decode_header, make_header
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import console, filebased


def readable(message: EmailMessage) -> str:
    """Return a mail with decoded headers: "Subject: Votre clé", not "=?utf-8?q?…"."""
    heads = [f"{name}: {make_header(decode_header(str(value)))}" for name, value in message.message().items()]
    return "\n".join([*heads, "", str(message.body), "-" * 79, ""])


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
