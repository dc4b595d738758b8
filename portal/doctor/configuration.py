"""The settings: all that `check --deploy` says."""

from collections.abc import Iterator

from django.conf import settings
from django.core import checks
from django.db import DatabaseError

from portal.doctor.report import Result, ok, problem, warning

ADVICE = "docs/settings.md, “Checks”, says what to do."


def settings_fit_together() -> Iterator[Result]:
    """Run Django's checks and ours, those of a deployment included."""
    messages = [each for each in _messages() if not each.is_silenced() and each.level >= checks.WARNING]
    for message in sorted(messages, key=lambda each: -each.level):
        make = problem if message.is_serious() else warning
        yield make(f"{message.msg} ({message.id})", message.hint or ADVICE)
    if not messages:
        yield ok("All checks of settings pass.")


def _messages() -> list[checks.CheckMessage]:
    """Return what the checks found; those of the database only if it answers, which another check reports."""
    is_server = not settings.EMBEDDED  # a trial on one machine needs no https
    try:
        return checks.run_checks(include_deployment_checks=is_server, databases=["default"])
    except DatabaseError:
        return checks.run_checks(include_deployment_checks=is_server)
