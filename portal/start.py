"""The start of every program: load the settings, or exit with one line about missing ones; check them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import django
from django.conf import LazySettings, settings
from django.core.checks import CheckMessage
from django.core.checks.registry import registry
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from portal.folders import INSTALLED
from portal.metrics.folder import begin_counting

CHECKS = (  # whose errors stop web, worker and beat
    "portal.checks",
    "portal.safety_checks",
    "portal.telemetry",
    "accounts.checks",
)
MIGRATING = ("migrate", "run")  # commands


def load_settings(*, status: int = 1) -> LazySettings:
    """Return the settings; exit with one line, and this status, when one is missing or invalid."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        settings.INSTALLED_APPS  # noqa: B018  (the first name asked for loads them all)
    except (ImproperlyConfigured, OSError, ValueError) as problem:  # OSError: a NAME_FILE that is not there
        sys.stderr.write(f"Not started: {problem}{_where_settings_may_be(problem)}\n")
        sys.exit(status)
    return settings


def _where_settings_may_be(problem: Exception) -> str:
    """Return advice for a server, where a shell has none of the settings."""
    if "environment variable" not in str(problem):
        return ""
    return ". In a shell on a server: passerelle --env-file FILE …, or sudo passerelle --unit passerelle-web.service …"


def count_in_files() -> None:
    """Share the counts of this program with the others of this machine, where metrics are wanted; before all apps."""
    if settings.METRICS_PORT or settings.METRICS_TOKEN:
        try:
            begin_counting(settings.VAR_DIR)
        except OSError as problem:
            sys.exit(f"Not started: the metrics need a folder in VAR_DIR that can be written, {problem}")


def start_metrics_server(*, waits: bool = False) -> None:
    """Serve the metrics at METRICS_PORT, where it is set, in a process of its own; it `waits` for the port, or not."""
    if settings.METRICS_PORT:
        from portal.metrics.server import fork_server  # needs the apps

        fork_server(waits=waits)


def refuse_what_is_wrong(*, database: bool) -> None:
    """Exit with one line for each error of our checks; with `database` including those that query it.

    No connection is left open: this process may be forked afterwards.
    """
    load_settings()
    django.setup()
    checks = [check for check in registry.get_checks() if check.__module__ in CHECKS]
    _end_on_errors([message for check in checks for message in check(app_configs=None, databases=None)])
    if database:
        found = [message for check in checks for message in check(app_configs=None, databases=["default"])]
        connections.close_all()
        if hasattr(connections["default"], "close_pool"):  # its threads would not exist in the children
            connections["default"].close_pool()
        _end_on_errors(found)


def _end_on_errors(found: list[CheckMessage]) -> None:
    errors = sorted((each.id or "", each.msg, each.hint or "") for each in found if each.is_serious())
    if errors:
        sys.exit("\n".join(f"Not started: {text} {hint} ({name})" for name, text, hint in errors))


@contextmanager
def naming_missing_tables(*, command: str) -> Iterator[None]:
    """Exit with one line in place of a traceback if the database is unavailable, or lacks our tables."""
    try:
        yield
    except DatabaseError as problem:
        database = connections["default"]
        name = database.settings_dict["NAME"]
        try:
            executor = MigrationExecutor(database)
            missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        except DatabaseError as away:
            sys.exit(f"The database {name} cannot be used: {first_line_of(away)}")
        if not missing or command in MIGRATING:  # their own errors matter
            raise problem from None
        embedded = "start the portal with `make run`, or name its VAR_DIR"
        advice = embedded if settings.EMBEDDED else f"run `{'passerelle' if INSTALLED else 'manage.py'} migrate`"
        sys.exit(f"The database {name} is not up to date ({first_line_of(problem)}): {advice}.")


def first_line_of(problem: Exception) -> str:
    """Return the first line of an exception."""
    return (str(problem).splitlines() or [type(problem).__name__])[0]
