"""Tries an answer at once: each function returns what is wrong in a sentence, or None. None changes anything there."""

import smtplib
import ssl
from collections.abc import Mapping
from typing import Final

import environ
import psycopg
import redis
import requests
from redis.exceptions import RedisError

from gateway.client import Gateway
from gateway.errors import GatewayError
from portal.setup.addresses import NO_ADDRESS, parts, without_secrets

Problem = str | None
Answers = Mapping[str, str]
TIMEOUT_S: Final = 8
NEEDED: Final = "SELECT current_setting('server_version_num')::int / 10000, has_schema_privilege('public', 'CREATE')"
OLDEST_POSTGRESQL: Final = 14


def portal_url(answers: Answers) -> Problem:
    """Check the form only: nothing answers there yet."""
    url = parts(answers["PORTAL_URL"])
    if url.scheme != "https" or not url.hostname:
        return "Give the whole address with https:// (a reverse proxy with a certificate stands in front)."
    return "Give no user, query or fragment." if url.username or url.query or url.fragment else None


def gateway_url(answers: Answers) -> Problem:
    """Call the gateway."""
    if parts(answers["GATEWAY_URL"]).path.rstrip("/").endswith("/v1"):
        return "Leave /v1 out; it is added."
    try:
        _gateway(answers, "sk-none").health.liveness()
    except (GatewayError, ValueError) as error:
        return f"No gateway answers there: {_line(error)}"
    return None


def plain_http(answers: Answers) -> Problem:
    """Check that the person confirmed the host."""
    host = parts(answers["GATEWAY_URL"]).hostname
    named = [each.strip() for each in answers["GATEWAY_HTTP_HOSTS"].split(",")]
    return None if host in named else f"Type {host}, or begin again with an https address."


def admin_key(answers: Answers) -> Problem:
    """List keys with it."""
    try:
        next(_gateway(answers, answers["GATEWAY_ADMIN_KEY"]).keys.list(), None)
    except (GatewayError, ValueError) as error:
        return f"The gateway does not accept it: {_line(error)}"
    return None


def _gateway(answers: Answers, key: str) -> Gateway:
    return Gateway(
        answers["GATEWAY_URL"],
        key,
        connect_timeout_s=3.0,
        read_timeout_s=TIMEOUT_S,
        call_timeout_s=TIMEOUT_S,
        ca_bundle=answers.get("GATEWAY_CA_FILE") or None,
        proxy_url=answers.get("GATEWAY_PROXY_URL") or None,
    )


def public_url(answers: Answers) -> Problem:
    """Check the form only: it may not be reachable from here."""
    url = parts(answers["GATEWAY_PUBLIC_URL"])
    return None if url.scheme == "https" and url.hostname else "Give the whole address with https://."


def database_url(answers: Answers) -> Problem:
    """Connect, and look whether tables can be made."""
    address = answers["DATABASE_URL"]
    if not parts(address).scheme:
        return NO_ADDRESS
    if parts(address).scheme not in ("postgresql", "postgres"):
        return "It begins with postgresql://."
    try:
        with psycopg.connect(address, connect_timeout=TIMEOUT_S) as connection:
            version, can_create = connection.execute(NEEDED).fetchone() or (0, False)
    except (psycopg.Error, ValueError) as error:
        return f"It cannot be used: {_line(error, address)}"
    if version < OLDEST_POSTGRESQL:
        return f"It is PostgreSQL {version}; {OLDEST_POSTGRESQL} or newer is needed."
    return None if can_create else "Its user may not create tables: make the user the owner of the database."


def redis_url(answers: Answers) -> Problem:
    """Ping it."""
    address = answers["REDIS_URL"]
    if not parts(address).scheme:
        return NO_ADDRESS
    try:
        with redis.Redis.from_url(address, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S) as client:
            client.ping()
    except (RedisError, OSError, ValueError) as error:
        return f"It does not answer: {_line(error, address)}"
    return None


def email_url(answers: Answers) -> Problem:
    """Connect to the mail server, and sign in."""
    address = answers["EMAIL_URL"]
    if not parts(address).scheme:
        return NO_ADDRESS
    try:
        config = environ.Env.email_url_config(address)
    except (environ.ImproperlyConfigured, ValueError) as error:
        return f"This is no address of a mail server: {_line(error, address)}"
    if not config["EMAIL_BACKEND"].endswith("smtp.EmailBackend"):
        return "It begins with smtp://, smtp+tls:// or smtp+ssl://."
    host, port = config["EMAIL_HOST"] or "localhost", config["EMAIL_PORT"] or 25
    try:
        with _smtp(host, port, is_tls=bool(config.get("EMAIL_USE_SSL"))) as server:
            server.ehlo()
            if config.get("EMAIL_USE_TLS"):
                server.starttls(context=ssl.create_default_context())
            if config["EMAIL_HOST_USER"]:
                server.login(config["EMAIL_HOST_USER"], config["EMAIL_HOST_PASSWORD"] or "")
    except smtplib.SMTPAuthenticationError:
        return "It refuses this user name and password."
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return f"It does not answer as it should: {_line(error, address)}"
    return None


def _smtp(host: str, port: int, *, is_tls: bool) -> smtplib.SMTP:
    if is_tls:
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
    return smtplib.SMTP(host, port, timeout=TIMEOUT_S)


def issuer(answers: Answers) -> Problem:
    """Read the description that every OpenID provider publishes."""
    address = answers["OIDC_ISSUER"].rstrip("/")
    if not address:
        return None
    try:
        answer = requests.get(f"{address}/.well-known/openid-configuration", timeout=TIMEOUT_S)
        answer.raise_for_status()
        named = answer.json()["issuer"].rstrip("/")
    except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"No OpenID provider answers there: {_line(error)}"
    return None if named == address else f"It calls itself {named}: give that."


def _line(error: Exception, *addresses: str) -> str:
    """Return the first line of what it says, without a secret."""
    return without_secrets((str(error).strip().splitlines() or [type(error).__name__])[0], *addresses)
