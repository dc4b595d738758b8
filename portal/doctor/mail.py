"""Mail: connects and signs in; sends one where an address is given."""

import smtplib
from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend

from portal.doctor.report import Result, in_one_line, ok, problem, warning
from portal.safety_checks import is_loopback

TIMEOUT_S: Final = 10
ADVICE: Final = "Correct EMAIL_URL: smtp+tls://user:password@host:587 or smtp://host:25"


def mail_server_accepts(address: str = "") -> Iterator[Result]:
    """Connect to the mail server; with an address send a mail to it."""
    backend = get_connection()
    if not isinstance(backend, EmailBackend):
        yield from _without_server()
        return
    backend.timeout = TIMEOUT_S
    where = f"{backend.host}:{backend.port}"
    try:
        backend.open()
        yield ok(f"The mail server {where} accepts {'our sign-in' if backend.username else 'our connection'}.")
        if address:
            _send(backend, address)
            yield ok(f"The mail server took a mail to {address}. Has it arrived?")
    except smtplib.SMTPAuthenticationError:
        yield problem(f"The mail server {where} refuses user name and password.", ADVICE)
    except (smtplib.SMTPException, OSError) as error:
        yield problem(f"The mail server {where} does not take our mail: {in_one_line(error)}", ADVICE)
    finally:
        backend.close()
    if backend.username and not (backend.use_tls or backend.use_ssl or is_loopback(backend.host)):
        yield warning("The password crosses the network unencrypted.", "Use smtp+tls:// or smtp+ssl:// in EMAIL_URL.")


def _send(backend: EmailBackend, address: str) -> None:
    text = f"This is a test of {settings.PORTAL_URL}. Mails of the portal look as if they came from this sender."
    EmailMessage("[Passerelle] Test", text, to=[address], connection=backend).send()


def _without_server() -> Iterator[Result]:
    """Say that mails go nowhere; in a trial that is meant so."""
    if settings.EMBEDDED:
        yield ok(f"Mails are files in {settings.EMAIL_FILE_PATH}, for a trial.")
    else:
        yield warning("Mails leave this machine for nobody.", ADVICE)
