"""All checks of the doctor, in the order of the report, and what keeps secrets out of it."""

import platform
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings

from gateway.secret import redact
from portal.doctor.configuration import settings_fit_together
from portal.doctor.database import database_answers, database_clock_agrees
from portal.doctor.disk import folders_can_be_used, static_files_are_collected
from portal.doctor.gateway_server import gateway_can_be_used
from portal.doctor.identity import identity_providers_answer
from portal.doctor.mail import mail_server_accepts
from portal.doctor.programs import worker_and_beat_are_seen
from portal.doctor.redis_server import redis_answers
from portal.doctor.report import Check, Result, examine, ok
from portal.doctor.site import portal_can_be_reached

SHORTEST_SECRET: Final = 4  # characters; a shorter one would blank parts of words


def all_checks(*, mail_to: str = "", before_start: bool = False) -> list[Check]:
    """Return every check, or those that need no running program; the gateway's compares its clock with ours, too."""
    checks = [
        Check("versions", versions),
        Check("settings", settings_fit_together),
        Check("database", lambda: database_answers(before_start=before_start)),
        Check("redis", redis_answers),
        Check("gateway", gateway_can_be_used),
        Check("mail", lambda: mail_server_accepts(mail_to)),
        Check("sign-in", identity_providers_answer),
        Check("clock", database_clock_agrees),
        Check("disk", folders_can_be_used),
        Check("static", static_files_are_collected),
        Check("worker", worker_and_beat_are_seen, needs_programs=True),
        Check("site", portal_can_be_reached, needs_programs=True),
    ]
    return [check for check in checks if not (before_start and check.needs_programs)]


def versions() -> Iterator[Result]:
    """Say what runs here."""
    yield ok(
        f"Passerelle {settings.VERSION}, Python {platform.python_version()}, {platform.system()} {platform.release()}."
    )


def results(checks: Sequence[Check], *, total_s: float) -> Iterator[tuple[str, Result]]:
    """Yield what the checks find, without any secret."""
    for name, result in examine(checks, total_s=total_s):
        texts = without_secrets(result.text), without_secrets(result.advice)
        yield name, Result(level=result.level, text=texts[0], advice=texts[1])


def without_secrets(text: str) -> str:
    """Blank the secrets of the settings, and whatever looks like a key."""
    for secret in sorted(_secrets(), key=len, reverse=True):
        text = text.replace(secret, "…")
    return redact(text)


def _secrets() -> set[str]:
    """Return the secrets of the settings, as they are and as they are written in addresses."""
    redis = urlsplit(settings.REDIS_URL)
    found = [
        *(settings.SECRET_KEY, settings.GATEWAY_ADMIN_KEY, settings.PLAYGROUND_KEY_SECRET, settings.OIDC_CLIENT_SECRET),
        *(settings.LEAK_REPORTS_SECRET, settings.METRICS_TOKEN),
        *settings.SECRET_KEY_FALLBACKS,
        *settings.PLAYGROUND_KEY_SECRET_FALLBACKS,
        *settings.ENCRYPTION_SECRETS,
        str(settings.DATABASES["default"].get("PASSWORD") or ""),
        str(settings.EMAIL_HOST_PASSWORD or ""),
        redis.password or "",
        unquote(redis.password or ""),
        *(
            getattr(each, name, "")
            for each in settings.IDENTITY_PROVIDERS
            for name in ("client_secret", "bind_password")
        ),
    ]
    found += [quote(secret, safe="") for secret in found]
    return {secret for secret in found if len(secret) >= SHORTEST_SECRET}
