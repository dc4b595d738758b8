"""The portal as a browser reaches it, at PORTAL_URL: certificate, headers of the proxy, pages, static files."""

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from django.conf import settings
from django.templatetags.static import static
from django.urls import reverse

from portal.doctor.certificates import days_left
from portal.doctor.report import Result, in_one_line, ok, problem, warning
from web.probe import HEADER, settings_digest, token

TIMEOUT_S: Final = 8.0
MOST_BYTES: Final = 2**20  # of an answer, perhaps of another program
SOON_DAYS: Final = 14  # renewals usually happen 30 days before the end
FORGED: Final = "203.0.113.7"  # an address of documentation, that a browser could send


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    certificate: bytes | None  # of the server


def portal_can_be_reached() -> Iterator[Result]:
    """Open the portal at its own address, from this machine."""
    try:
        answer = _get(reverse("web:live"), {HEADER: token(), "X-Forwarded-For": FORGED, "X-Forwarded-Proto": "http"})
    except ssl.SSLCertVerificationError as error:
        advice = "Renew the certificate of the proxy, with its intermediate ones, or trust its authority here."
        yield problem(f"The certificate of {settings.PORTAL_URL} is not valid: {error.verify_message}.", advice)
        return
    except (OSError, http.client.HTTPException) as error:
        advice = "Start the web server and the proxy; look at the name in DNS, and at firewalls."
        yield problem(f"{settings.PORTAL_URL} cannot be reached from here: {in_one_line(error)}", advice)
        return
    if answer.certificate:
        yield _certificate(answer.certificate)
    yield from _arrival(answer)
    yield from _pages()


def _get(path: str, headers: Mapping[str, str] | None = None) -> Answer:
    url = urlsplit(settings.PORTAL_URL)
    host, context = url.hostname or "", ssl.create_default_context()
    connection = (
        http.client.HTTPSConnection(host, url.port, timeout=TIMEOUT_S, context=context)
        if url.scheme == "https"
        else http.client.HTTPConnection(host, url.port, timeout=TIMEOUT_S)
    )
    try:
        connection.request("GET", path, headers={"Connection": "close", **(headers or {})})
        certificate = (
            connection.sock.getpeercert(binary_form=True) if isinstance(connection.sock, ssl.SSLSocket) else None
        )
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), answer.read(MOST_BYTES), certificate)
    finally:
        connection.close()


def _certificate(der: bytes) -> Result:
    days = days_left(x509.load_der_x509_certificate(der))
    if days < SOON_DAYS:
        return warning(f"The certificate ends in {days} days.", "Renew it, and look why it was not renewed by itself.")
    return ok(f"{settings.PORTAL_URL} answers, with a certificate that is valid for {days} days.")


def _arrival(answer: Answer) -> Iterator[Result]:
    """Compare how our request arrived with how it was sent: with headers that a browser could forge."""
    arrival = _arrival_in(answer)
    if arrival is None:
        advice = "Another program answers there, or the web server has another SECRET_KEY or version: restart it."
        yield problem(f"What answers at {settings.PORTAL_URL} is not this portal.", advice)
        return
    if arrival["settings"] != settings_digest():
        advice = "Give all programs the same settings, and restart those that were started before a change."
        yield problem("The web server has other secrets or addresses than this command.", advice)
    if settings.HTTPS and not arrival["is_secure"]:
        advice = "Let it set X-Forwarded-Proto itself; TRUSTED_PROXY_COUNT is at least 1."
        yield problem("The proxy does not say that the browser uses https, or passes on what browsers say.", advice)
    yield _proxies(arrival["hops"], arrival["client"])


def _arrival_in(answer: Answer) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] | None = json.loads(answer.body).get("arrival")
    except (ValueError, AttributeError):
        return None
    return found


def _proxies(hops: list[str], client: str | None) -> Result:
    """Check the number of proxies: each appends an address to X-Forwarded-For, or the first begins it anew."""
    trusted, there = settings.TRUSTED_PROXY_COUNT, len(hops) - hops.count(FORGED)
    if there == trusted and client != FORGED:
        return ok(f"X-Forwarded-For has {there} entries, as TRUSTED_PROXY_COUNT says.")
    text = f"{there} proxies add to X-Forwarded-For, and TRUSTED_PROXY_COUNT is {trusted}"
    if trusted > there:
        text += ": people could choose the address that is recorded" if client == FORGED else ": no address is known"
    return problem(f"{text}.", f"Set TRUSTED_PROXY_COUNT={there}, or let every proxy append the address of its client.")


def _pages() -> Iterator[Result]:
    """Open the sign-in page and a static file."""
    page = _get(reverse("account_login"), {"Accept": "text/html"})
    headers = {name.lower(): value for name, value in page.headers.items()}
    if page.status in (301, 302):
        text = f"The sign-in page redirects to {headers.get('location', '?')}."
        yield problem(text, "The proxy has to set X-Forwarded-Proto to https.")
    elif page.status == 400:
        yield problem("The sign-in page answers 400.", "Let the proxy pass on the host name of PORTAL_URL as Host.")
    elif page.status != 200:
        yield problem(f"The sign-in page answers {page.status}.", "Look at the log of the web server.")
    else:
        missing = [name for name in ("content-security-policy", *_https_headers()) if name not in headers]
        if missing:
            yield warning(f"The proxy removes {', '.join(missing)}.", "Let it pass on what the portal sends.")
        else:
            yield ok("The sign-in page comes with all its security headers.")
    file = static("css/layout.css")
    answer = _get(file)
    if answer.status == 200 and answer.headers.get("Content-Type", "").startswith("text/css"):
        yield ok("Static files are served.")
    else:
        advice = "The web server has other files than this command: restart it; let the proxy pass all paths on."
        yield problem(f"The static file {file} answers {answer.status}.", advice)


def _https_headers() -> tuple[str, ...]:
    return ("strict-transport-security",) if settings.HTTPS else ()
