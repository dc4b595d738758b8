"""`passerelle alive web|worker|beat`: the health check of a container. It loads neither Django nor a model."""

import argparse
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from portal.environment import Environment

TIMEOUT_S: Final = 3
DATABASE_TIMEOUT_S: Final = 5  # to connect and to answer
MISSING_AFTER_S: Final = 60  # heartbeats are written every five seconds (keys/processes.py)
LAST_HEARTBEAT: Final = """
SELECT extract(epoch FROM now() - max(seen_at)) FROM keys_heartbeat WHERE kind = %s AND (name = %s OR name LIKE %s)
"""


def main(arguments: Sequence[str], *, database_timeout_s: float = DATABASE_TIMEOUT_S) -> str | None:
    """Return what is wrong with the program of this machine; None if it is alive, or the database cannot say."""
    parser = argparse.ArgumentParser(
        prog="passerelle alive", description="Check that a program of this machine is alive."
    )
    parser.add_argument("program", choices=["web", "worker", "beat"])
    program: str = parser.parse_args(arguments).program
    return _web() if program == "web" else _heartbeat(program, database_timeout_s)


def _web() -> str | None:
    url = f"http://127.0.0.1:{Environment().int('PORT', default=8000)}/healthz/ready"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S):
            return None
    except (urllib.error.URLError, OSError) as problem:
        return f"{url}: {problem}"


def _heartbeat(program: str, timeout_s: float) -> str | None:
    """Look at the row that the program writes; a database that does not answer is none of its faults."""
    try:
        given = Environment().db_url("DATABASE_URL")  # may have what is Django's alone, such as conn_max_age
    except ImproperlyConfigured as problem:
        return str(problem)
    found: list[str | None] = []
    looking = threading.Thread(target=lambda: found.append(_look_up(program, given)), daemon=True)
    looking.start()
    looking.join(timeout_s)  # psycopg has a limit for the connection only, not for what comes after it
    return found[0] if found else None


def _look_up(program: str, given: dict[str, Any]) -> str | None:
    """Compare the time of the last heartbeat; None where the database cannot say."""
    import psycopg  # takes a tenth of a second

    host = socket.gethostname()
    parts = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    named = {name: str(given[theirs]) for name, theirs in parts.items() if given[theirs]} | given.get("OPTIONS", {})
    try:
        with psycopg.connect(**named | {"connect_timeout": TIMEOUT_S}) as connection:
            row = connection.execute(LAST_HEARTBEAT, [program, host, f"%@{host}"]).fetchone()
    except psycopg.Error:
        return None  # restarting the program would not help
    age_s = row[0] if row else None
    if age_s is None:
        return f"No heartbeat of a {program} on {host} was found."
    return f"The last heartbeat of the {program} is {age_s:.0f} s old." if age_s > MISSING_AFTER_S else None
