"""The database: version, tables, time to answer, connections that are left, clock."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import psycopg
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from portal.doctor.report import Result, in_one_line, ok, problem, warning
from portal.doctor.words import MAX_SKEW_S, skew
from web.commands import command

OLDEST: Final = 14  # of PostgreSQL
SLOW_MS: Final = 20.0
FEWEST_LEFT: Final = 10  # connections
NOT_OF_LIBPQ: Final = ("context", "cursor_factory", "prepare_threshold", "pool")  # parameters
FACTS: Final = """
SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding'),
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
       (SELECT sum(numbackends) FROM pg_stat_database)::int
"""


def database_answers(*, before_start: bool = False) -> Iterator[Result]:
    """Check the database; before the first start tables may be missing."""
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        advice = "Start it, or correct DATABASE_URL: host, port, name, user and password."
        yield problem(f"The database does not answer: {_reason(error)}", advice)
        return
    if connection.vendor == "postgresql":
        yield from _postgresql()
    else:
        yield ok("SQLite, for a trial on one machine.")
    yield _latency()
    yield _tables(before_start=before_start)


def _reason(error: DatabaseError) -> str:
    """Return why there is no connection: of a wrong password, too, the pool knows only that it took too long."""
    if connection.vendor != "postgresql":
        return in_one_line(error)
    params = connection.get_connection_params()
    try:
        psycopg.connect(**{name: value for name, value in params.items() if name not in NOT_OF_LIBPQ}).close()
    except (psycopg.Error, ValueError) as direct:
        return in_one_line(direct)
    return in_one_line(error)


def _postgresql() -> Iterator[Result]:
    with connection.cursor() as cursor:
        cursor.execute(FACTS)
        version, encoding, most, used = cursor.fetchone()
    if version < OLDEST:
        yield problem(f"PostgreSQL {version} is too old.", f"Use PostgreSQL {OLDEST} or newer.")
    else:
        yield ok(f"PostgreSQL {version} answers.")
    if encoding != "UTF8":
        yield problem(f"The database stores texts as {encoding}.", "Make it again: createdb --encoding=UTF8")
    pool_size = settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
    wanted = settings.WEB_PROCESSES * pool_size + settings.CELERY_WORKER_CONCURRENCY
    if wanted > most:
        advice = "Raise max_connections of PostgreSQL, or lower DATABASE_POOL_SIZE or WEB_PROCESSES."
        yield warning(f"One node may open {wanted} connections, and the database takes {most}.", advice)
    elif most - used < FEWEST_LEFT:
        advice = "Raise max_connections of PostgreSQL, or see in pg_stat_activity which programs hold them."
        yield warning(f"{used} of {most} connections are in use.", advice)
    else:
        yield ok(f"{used} of {most} connections are in use.")


def _latency() -> Result:
    took_ms = []
    with connection.cursor() as cursor:
        for _ in range(10):
            began = time.perf_counter()
            cursor.execute("SELECT 1")
            took_ms.append((time.perf_counter() - began) * 1000)
    quickest = min(took_ms)  # the others waited for a processor as well
    if quickest > SLOW_MS:
        advice = "A page has a dozen queries: put the database near to the portal, or look at its load."
        return warning(f"A query takes {quickest:.0f} ms.", advice)
    return ok(f"A query takes {quickest:.1f} ms.")


def _tables(*, before_start: bool) -> Result:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing and before_start:
        return ok(f"{len(missing)} migrations are to be applied: {command('migrate')}")
    if missing:
        return problem(f"{len(missing)} migrations are not applied.", f"Run: {command('migrate')}")
    return ok("All migrations are applied.")


def database_clock_agrees() -> Iterator[Result]:
    """Compare the clocks of this machine and of PostgreSQL; SQLite has ours."""
    if connection.vendor != "postgresql":
        yield ok("The database has the clock of this machine.")
        return
    with connection.cursor() as cursor:
        began = datetime.now(UTC)
        cursor.execute("SELECT clock_timestamp()")
        theirs = cursor.fetchone()[0]
        ended = datetime.now(UTC)
    skew_s = (theirs - began - (ended - began) / 2).total_seconds()
    if abs(skew_s) > MAX_SKEW_S:
        yield problem(f"The clock of the database is {skew(skew_s)} ours.", "Synchronise both machines by NTP.")
    else:
        yield ok("The clock of the database agrees with ours.")
