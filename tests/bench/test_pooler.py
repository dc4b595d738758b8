"""The portal behind PgBouncer, which gives each transaction another connection to PostgreSQL."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from bench.portal import Portal
from tests.requirements import find_pgbouncer
from tests.servers import Postgres, Server

CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={database_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
min_pool_size = 3
server_round_robin = 1
"""
TIMEOUT_S = 60


class PgBouncer(Server):
    """In front of a cluster; takes its connections in turns, so that nothing can rely on having the same one."""

    def __init__(self, database: Postgres) -> None:
        super().__init__()
        self.database = database

    @property
    def url(self) -> str:
        """The address of the database."""
        return self.database.url.replace(f":{self.database.port}/", f":{self.port}/")

    def prepare(self) -> None:
        """Write its files, for the user postgres where we are root, whom it refuses."""
        (self.folder / "users").write_text('"passerelle" ""\n')
        values = {"port": self.port, "database_port": self.database.port, "folder": self.folder}
        (self.folder / "pgbouncer.ini").write_text(CONFIGURATION.format(**values))
        self.folder.chmod(0o755)

    def command(self) -> list[str]:
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        return [find_pgbouncer() or "", *user, str(self.folder / "pgbouncer.ini")]


class PooledPortal(Portal):
    """A portal that knows of the pooler."""

    def environment(self) -> dict[str, str]:
        """Add the setting, and ask for a small crowd."""
        return super().environment() | {"DATABASE_TRANSACTION_POOLING": "1", "BENCH_PEOPLE": "20", "BENCH_KEYS": "100"}


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[PooledPortal]:
    """Serve a portal with a few people behind the pooler."""
    with Postgres(is_empty=True) as database, PgBouncer(database) as pooler:
        portal = PooledPortal(facts=1_000, static_root=tmp_path, database_url=f"{pooler.url}?conn_max_age=60")
        with portal:
            yield portal


@pytest.mark.postgres
@pytest.mark.pgbouncer
def test_pages_and_exports_work_behind_a_pooler_of_transactions(portal: PooledPortal) -> None:
    for name, page in portal.pages.items():
        assert requests.get(portal.url + page["path"], cookies=page["cookie"], timeout=TIMEOUT_S).ok, name
    cookie = portal.pages["Everyone, 30 days"]["cookie"]

    export = requests.get(f"{portal.url}/usage/everyone/facts.csv?period=30d", cookies=cookie, timeout=TIMEOUT_S)

    assert export.ok
    assert len(export.text.splitlines()) > 100
