"""A text about the portal for reports of problems: in English, without a secret, a name or an address.

It has versions, states, numbers, and the names of settings that are set. Values are shown of those below alone.
"""

import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

import celery
import django
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from accounts.models import User
from keys.models import Key, Token
from portal.environment import Environment
from portal.status.parts import PortalStatus
from portal.version import version

SAFE: Final = (  # settings whose values are numbers, or words of ours
    "DEBUG",
    "EMBEDDED",
    "HSTS_INCLUDE_SUBDOMAINS",
    "LANGUAGE_CODE",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "LOG_REQUESTS",
    "SIGNUP_OPEN",
    "TIME_ZONE",
    "TRUSTED_PROXY_COUNT",
    "USAGE_POLL_S",
    "WEB_GRACE_S",
    "WEB_LEAVING_S",
    "WEB_PROCESSES",
    "WEB_THREADS",
    "WORKER_CONCURRENCY",
)


def versions(status: PortalStatus) -> dict[str, str]:
    """Return the versions of what the portal is made of and talks to."""
    known = {
        "Passerelle": version(),
        "Python": platform.python_version(),
        "Django": django.__version__,
        "Celery": celery.__version__,
        "LiteLLM": "sandbox" if status.gateway.sandbox else status.gateway.version,
        _DATABASES.get(connection.vendor, connection.vendor): _database_version(),
        "Redis": status.around.redis_version or "",
    }
    return {name: number for name, number in known.items() if number}


_DATABASES: Final = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}


def _database_version() -> str:
    return ".".join(str(number) for number in connection.get_database_version())


def diagnostics(status: PortalStatus) -> str:
    """Return the whole text."""
    sections = {
        "Versions": versions(status),
        "System": {"machine": platform.machine(), "system": platform.system(), "kernel": platform.release()},
        "Health": status.states,
        "Other parts": {part.name: part.tone for part in status.parts if part.name not in status.states},
        "Queues": {name: str(number) for name, number in (status.around.queues or {}).items()},
        "Disks": dict(_disks(status)),
        "Numbers": _numbers(),
        "Times": dict(_times(status)),
        "Failed tasks": {run.name: _age(run.ended_at) for run in status.failed},
        "Settings in the environment": _settings(),
    }
    lines = [f"Passerelle diagnostics, {timezone.now():%Y-%m-%d %H:%M} UTC"]
    for title, rows in sections.items():
        lines += ["", title, *(f"  {name}: {value}" for name, value in rows.items())]
    return "\n".join([*lines, ""])


def _disks(status: PortalStatus) -> Iterator[tuple[str, str]]:
    for disk in status.around.disks or []:
        yield ", ".join(disk.folders), f"{disk.free_bytes // 2**20} MiB free, {disk.free_percent:.0f} %"


def _numbers() -> dict[str, str]:
    by_state = Key.objects.values_list("state").annotate(number=Count("pk")).order_by("state")
    under_way = Token.objects.filter(state__in=(Token.State.ISSUING, Token.State.DELETING)).count()
    return {
        "people": str(User.objects.filter(is_active=True).count()),
        **{f"keys, {state}": str(number) for state, number in by_state},
        "secrets being created or deleted": str(under_way),
    }


def _times(status: PortalStatus) -> Iterator[tuple[str, str]]:
    yield "gateway checked", _age(status.gateway.checked_at)
    yield "gateway down since", _age(status.gateway.down_since)
    yield "usage read", _age(status.usage.last_ok_at)
    yield "usage failing since", _age(status.usage.failing_since)
    yield "mail sent", _age(status.mail.sent_at)
    yield "mail failed", _age(status.mail.failed_at)


def _age(when: datetime | None) -> str:
    """Return how long ago it was, in seconds: no time zone to guess."""
    return "never" if when is None else f"{(datetime.now(UTC) - when).total_seconds():.0f} s ago"


def _settings() -> Mapping[str, str]:
    """Return the settings that are set; of secrets and addresses the names alone."""
    given = Environment().given()
    return {name: value if name in SAFE else "set" for name, value in given.items()}
