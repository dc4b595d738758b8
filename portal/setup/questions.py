"""What the set-up asks for, in order, and what it makes itself. Reads and writes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from portal.safety_checks import is_loopback
from portal.setup import trials
from portal.setup.addresses import parts

Answers = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A setting. `about` is the comment above it in the file, `attempt` returns what is wrong, and what to do."""

    name: str
    ask: str
    about: str
    default: str = ""
    is_secret: bool = False  # of its own: not echoed; a URL may have a password in it, and is
    is_optional: bool = False
    is_wanted: Callable[[Answers], bool] = lambda answers: True
    attempt: Callable[[Answers], trials.Problem] = lambda answers: None


def is_private_gateway(answers: Answers) -> bool:
    """Return whether people's programs need another address of the gateway than the portal."""
    return is_loopback(parts(answers.get("GATEWAY_URL", "")).hostname)


def has_institution(answers: Answers) -> bool:
    """Return whether people sign in with OpenID Connect."""
    return bool(answers.get("OIDC_ISSUER"))


def crosses_a_network(answers: Answers) -> bool:
    """Return whether the admin key would cross a network unencrypted."""
    url = parts(answers.get("GATEWAY_URL", ""))
    return url.scheme == "http" and not is_loopback(url.hostname)


QUESTIONS: Final = (
    Question(
        name="PORTAL_URL",
        ask="Address of the portal in the browser, e.g. https://portal.example.edu",
        about="The address in the browser. A reverse proxy in front ends TLS.",
        attempt=trials.portal_url,
    ),
    Question(
        name="GATEWAY_URL",
        ask="Address of the LiteLLM gateway, without /v1",
        about="The gateway, as the portal reaches it.",
        default="http://127.0.0.1:4000",
        attempt=trials.gateway_url,
    ),
    Question(
        name="GATEWAY_HTTP_HOSTS",
        ask="The admin key would cross the network unencrypted. If the network is yours alone, type the gateway's host",
        about="Gateways that may be called over plain http: the network in between is ours alone.",
        is_wanted=crosses_a_network,
        attempt=trials.plain_http,
    ),
    Question(
        name="GATEWAY_ADMIN_KEY",
        ask="The gateway's master key, or the key of a proxy admin (it is not shown)",
        about="The gateway's master key, or the key of a proxy admin.",
        is_secret=True,
        attempt=trials.admin_key,
    ),
    Question(
        name="GATEWAY_PUBLIC_URL",
        ask="Address of the gateway for people's programs, e.g. https://gateway.example.edu",
        about="The gateway, as people's programs reach it.",
        is_wanted=is_private_gateway,
        attempt=trials.public_url,
    ),
    Question(
        name="DATABASE_URL",
        ask="PostgreSQL: postgresql://user:password@host:5432/database",
        about="PostgreSQL 14 or newer. Special characters in the password are percent-encoded.",
        default="postgresql:///passerelle?host=/var/run/postgresql",
        attempt=trials.database_url,
    ),
    Question(
        name="REDIS_URL",
        ask="Redis: redis://:password@host:6379/0",
        about="Redis 6 or newer: queue, cache, locks.",
        default="redis://127.0.0.1:6379/0",
        attempt=trials.redis_url,
    ),
    Question(
        name="EMAIL_URL",
        ask="Mail server: smtp+tls://user:password@host:587 or smtp://host:25",
        about="The mail server: smtp+tls:// with STARTTLS, smtp+ssl:// with TLS, or smtp://",
        default="smtp://127.0.0.1:25",
        attempt=trials.email_url,
    ),
    Question(
        name="OIDC_ISSUER",
        ask="OpenID Connect issuer for sign-in (empty: local accounts only)",
        about="Sign-in with OpenID Connect. Redirect address: PORTAL_URL/account/oidc/institution/login/callback/",
        is_optional=True,
        attempt=trials.issuer,
    ),
    Question(
        name="OIDC_CLIENT_ID",
        ask="Client id of the portal there",
        about="The portal's client.",
        is_wanted=has_institution,
    ),
    Question(
        name="OIDC_CLIENT_SECRET",
        ask="Client secret (it is not shown)",
        about="The client's secret.",
        is_secret=True,
        is_wanted=has_institution,
    ),
)
MADE: Final = {  # secrets that nobody needs to know
    "SECRET_KEY": "Signs sessions and links. The same on all nodes.",
    "PLAYGROUND_KEY_SECRET": "The keys of the Playground are derived from it. The same on all nodes.",
}
SECRETS: Final = (*MADE, "GATEWAY_ADMIN_KEY", "DATABASE_URL", "EMAIL_URL")  # as files: those of deploy/systemd
