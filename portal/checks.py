"""System checks: combinations of settings that are wrong. Ids and hints are listed in docs/settings.md."""

import re
import ssl
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
SANDBOX_KEY = "sk-sandbox-admin"  # printed in the documentation
PLAIN_PATH = re.compile(r"(/[A-Za-z0-9_~][A-Za-z0-9._~-]*)*", re.ASCII)  # of PORTAL_URL, in routes and cookies
CURRENCY_CODE = re.compile(r"[A-Z]{3}", re.ASCII)
LEAST_RETENTION_DAYS = 90  # of the trail and of notices
LEAST_DAILY_USAGE_DAYS = 400  # that of usage.services.compact: a check loads no app
SHORTEST_SECRET = 32  # characters; a shorter one could be guessed by somebody with a key derived from it


@register
def portal_has_an_address(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a PORTAL_URL that is not a plain URL: cookies, redirects and mails are built from it."""
    url = urlsplit(settings.PORTAL_URL)
    if url.scheme in ("http", "https") and url.hostname and PLAIN_PATH.fullmatch(url.path) and not url.query:
        return []
    hint = (
        "Give scheme and host, the port if it is unusual, and a path if the portal has one: https://portal.example.edu"
    )
    return [Error("PORTAL_URL is not the address of a site.", hint=hint, id="portal.E001")]


@register
def portal_is_encrypted(**kwargs: Any) -> list[CheckMessage]:
    """Refuse plain HTTP on a server: passwords and keys would cross the network unencrypted."""
    if settings.EMBEDDED or settings.HTTPS:
        return []
    hint = "Put a reverse proxy with a certificate in front, and set PORTAL_URL to its https address."
    return [Error("PORTAL_URL is not https.", hint=hint, id="portal.E002")]


@register
def a_proxy_is_trusted(**kwargs: Any) -> list[CheckMessage]:
    """Warn of the endless redirect if no header says that the browser uses HTTPS."""
    if not settings.HTTPS or settings.TRUSTED_PROXY_COUNT > 0:
        return []
    hint = "Set TRUSTED_PROXY_COUNT=1 when a reverse proxy ends TLS and sets X-Forwarded-Proto and X-Forwarded-For."
    return [Warning("PORTAL_URL is https, but no proxy is trusted to say so.", hint=hint, id="portal.W003")]


@register
def database_can_be_shared(**kwargs: Any) -> list[CheckMessage]:
    """Refuse SQLite on a server: web and workers are several programs, perhaps on several machines."""
    if settings.EMBEDDED or settings.DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3":
        return []
    return [Error("The database is SQLite.", hint="Set DATABASE_URL to a PostgreSQL database.", id="portal.E004")]


@register
def broker_can_be_shared(**kwargs: Any) -> list[CheckMessage]:
    """Refuse the file-system broker on a server."""
    if settings.EMBEDDED or settings.REDIS_URL:
        return []
    return [Error("REDIS_URL is empty.", hint="Set REDIS_URL: tasks, cache and locks need Redis.", id="portal.E005")]


@register
def gateway_has_a_base_address(**kwargs: Any) -> list[CheckMessage]:
    """Refuse the URL that programs call in place of the base URL: /v1 is added where it belongs."""
    messages: list[CheckMessage] = []
    for name in ("GATEWAY_URL", "GATEWAY_PUBLIC_URL"):
        url = urlsplit(getattr(settings, name))
        if url.scheme not in ("http", "https") or not url.hostname:
            hint = "For example https://gateway.example.edu or https://proxy.example.edu/olla/litellm"
            messages.append(Error(f"{name} is not an http address.", hint=hint, id="portal.E006"))
        elif url.path.rstrip("/").endswith("/v1"):
            messages.append(Error(f"{name} ends in /v1.", hint="Leave /v1 out; it is added.", id="portal.E007"))
    return messages


@register
def gateway_key_is_not_the_sandboxes(**kwargs: Any) -> list[CheckMessage]:
    """Warn if a gateway is set without its key; on a server a publicly known key is refused."""
    if settings.SANDBOX or settings.GATEWAY_ADMIN_KEY != SANDBOX_KEY:
        return []
    kind = Warning if settings.EMBEDDED else Error
    hint = "Set GATEWAY_ADMIN_KEY (or GATEWAY_ADMIN_KEY_FILE) to the gateway's master key."
    return [kind("GATEWAY_ADMIN_KEY is the sandbox's.", hint=hint, id="portal.E008")]


@register
def secrets_can_be_sent(**kwargs: Any) -> list[CheckMessage]:
    """Refuse secrets with line ends and other control characters: they break every call, and libraries quote them."""
    secrets = {
        "SECRET_KEY": settings.SECRET_KEY,
        "GATEWAY_ADMIN_KEY": settings.GATEWAY_ADMIN_KEY,
        "PLAYGROUND_KEY_SECRET": settings.PLAYGROUND_KEY_SECRET,
        "OIDC_CLIENT_SECRET": settings.OIDC_CLIENT_SECRET,
        "DATABASE_URL": str(settings.DATABASES["default"].get("PASSWORD") or ""),
        "REDIS_URL": settings.REDIS_URL,
        "EMAIL_URL": str(settings.EMAIL_HOST_PASSWORD or ""),
    }
    wrong = [name for name, value in secrets.items() if not value.isprintable()]
    if not wrong and not (settings.GATEWAY_ADMIN_KEY.isascii() and " " not in settings.GATEWAY_ADMIN_KEY):
        wrong = ["GATEWAY_ADMIN_KEY"]
    hint = "Write the value again, on one line, without characters that do not show (printf '%s' instead of echo)."
    return [Error(f"{name} has characters that no secret has.", hint=hint, id="portal.E030") for name in wrong]


@register
def gateway_certificates_can_be_read(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a GATEWAY_CA_FILE that is missing, or has no certificate."""
    if not settings.GATEWAY_CA_FILE:
        return []
    try:
        ssl.create_default_context(cafile=settings.GATEWAY_CA_FILE)
    except OSError as problem:  # ssl.SSLError is one
        hint = "Name a file in PEM form with the certificate of the authority that signed the gateway's."
        text = f"GATEWAY_CA_FILE cannot be used: {problem.strerror or type(problem).__name__}."
        return [Error(text, hint=hint, id="portal.E031")]
    return []


@register
def outgoing_proxy_has_an_address(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a GATEWAY_PROXY_URL that is not the URL of an HTTP proxy."""
    url = urlsplit(settings.GATEWAY_PROXY_URL)
    if not settings.GATEWAY_PROXY_URL or (url.scheme in ("http", "https") and url.hostname):
        return []
    return [Error("GATEWAY_PROXY_URL is not an http address.", hint="For example http://proxy:3128", id="portal.E032")]


@register
def people_can_reach_the_gateway(**kwargs: Any) -> list[CheckMessage]:
    """Warn if the code examples would call the reader's own machine."""
    if settings.EMBEDDED or urlsplit(settings.GATEWAY_PUBLIC_URL).hostname not in LOOPBACK:
        return []
    hint = "Set GATEWAY_PUBLIC_URL to the address of the gateway that people's programs call."
    return [Warning("GATEWAY_PUBLIC_URL is an address of this machine only.", hint=hint, id="portal.W009")]


@register
def institution_is_complete(**kwargs: Any) -> list[CheckMessage]:
    """Refuse half an OpenID Connect client; the other half, an issuer without a client, fails at the start anyway."""
    if settings.OIDC_ISSUER or not (settings.OIDC_CLIENT_ID or settings.OIDC_CLIENT_SECRET):
        return []
    hint = "Set OIDC_ISSUER as well, or none of the three."
    return [Error("An OIDC client is set, but no OIDC_ISSUER.", hint=hint, id="portal.E010")]


@register
def semesters_begin_on_days(**kwargs: Any) -> list[CheckMessage]:
    """Refuse what is no month and day of every year."""
    try:
        starts = [date.fromisoformat(f"2025-{start}") for start in settings.SEMESTER_STARTS]
    except ValueError:
        starts = []
    if starts:
        return []
    hint = "Give months and days with commas between them: 02-01,09-01"
    return [Error("SEMESTER_STARTS is no list of days.", hint=hint, id="portal.E033")]


@register
def currency_has_a_rate(**kwargs: Any) -> list[CheckMessage]:
    """Refuse what is no code of a currency, and a rate that is none."""
    if settings.CURRENCY and not (CURRENCY_CODE.fullmatch(settings.CURRENCY) and settings.CURRENCY != "USD"):
        hint = "Give the three capital letters of ISO 4217: EUR. Leave it empty to show USD."
        return [Error("CURRENCY is no currency other than USD.", hint=hint, id="portal.E034")]
    rate = settings.CURRENCY_RATE
    if rate is not None and not (settings.CURRENCY and rate.is_finite() and rate > 0):
        hint = "Give what a USD is worth in CURRENCY: 0.92. Leave it empty to enter dated rates in the portal."
        return [Error("CURRENCY_RATE is no rate of CURRENCY.", hint=hint, id="portal.E035")]
    return []


@register
def nothing_is_debugged_in_public(**kwargs: Any) -> list[CheckMessage]:
    """Refuse DEBUG on a server: its error pages show the contents of memory."""
    if settings.EMBEDDED or not settings.DEBUG:
        return []
    return [Error("DEBUG is on.", hint="Leave DEBUG unset outside the embedded mode.", id="portal.E011")]


@register
def playground_secret_is_long(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a secret that could be guessed: everybody's Playground keys are derived from it."""
    if len(settings.PLAYGROUND_KEY_SECRET) >= SHORTEST_SECRET and settings.PLAYGROUND_KEY_SECRET != settings.SECRET_KEY:
        return []
    hint = f"Set PLAYGROUND_KEY_SECRET to {SHORTEST_SECRET} random characters or more, and not to SECRET_KEY."
    return [Error("PLAYGROUND_KEY_SECRET is too short, or that of the sessions.", hint=hint, id="portal.E012")]


@register
def leak_reports_are_verified(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a shared secret that could be guessed, and public keys that somebody on the network could replace."""
    messages: list[CheckMessage] = []
    secret, url = settings.LEAK_REPORTS_SECRET, urlsplit(settings.LEAK_REPORTS_GITHUB_KEYS_URL)
    if secret and len(secret) < SHORTEST_SECRET:
        hint = f"Set {SHORTEST_SECRET} random characters or more: anybody with it can end keys that they found."
        messages.append(Error("LEAK_REPORTS_SECRET is too short.", hint=hint, id="portal.E037"))
    if url.geturl() and not (url.hostname and (url.scheme == "https" or url.hostname in LOOPBACK)):
        hint = "GitHub's is https://api.github.com/meta/public_keys/secret_scanning"
        messages.append(Error("LEAK_REPORTS_GITHUB_KEYS_URL is not an https address.", hint=hint, id="portal.E038"))
    return messages


@register
def titles_have_a_key(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a model for titles without a key that pays for it."""
    if not settings.PLAYGROUND_TITLE_MODEL or settings.PLAYGROUND_TITLE_KEY:
        return []
    hint = "Set PLAYGROUND_TITLE_KEY to a key of the gateway for that model, or unset PLAYGROUND_TITLE_MODEL."
    return [Error("PLAYGROUND_TITLE_MODEL is set without PLAYGROUND_TITLE_KEY.", hint=hint, id="portal.E036")]


@register
def retentions_are_sensible(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a trail that is too short to find anything out, and days that are none."""
    lasting = {
        "AUDIT_RETENTION_DAYS": LEAST_RETENTION_DAYS,
        "NOTICE_RETENTION_DAYS": LEAST_RETENTION_DAYS,
        "DAILY_USAGE_RETENTION_DAYS": LEAST_DAILY_USAGE_DAYS,
    }
    others = ("RUN_RETENTION_DAYS", "SIGN_IN_RETENTION_DAYS", "WEBHOOK_RETENTION_DAYS")
    wrong = [name for name, least in lasting.items() if getattr(settings, name) and getattr(settings, name) < least]
    wrong += [name for name in others if getattr(settings, name) < 1]
    hint = f"Give {LEAST_RETENTION_DAYS} days or more ({LEAST_DAILY_USAGE_DAYS} of DAILY_USAGE), or 0 for good; "
    hint += f"of {', '.join(others)} 1 or more."
    return [Error(f"{name} is too short.", hint=hint, id="portal.E058") for name in wrong]
