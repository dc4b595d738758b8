"""A portal with a crowd that streams, its gateway the sandbox, as production has it: two processes, many threads."""

from datetime import datetime
from pathlib import Path
from typing import Final

from bench.portal import Portal
from bench.stream_client import on_fast_loop
from bench.stream_direct import make_secrets
from bench.stream_people import Person, prepare_all
from bench.stream_watch import Database, Postgres, Sqlite, clients_held
from tests.sandbox_process import Sandbox

PROCESSES: Final = 2
THREADS: Final = 300  # each
LATE: Final = 50  # people who sign in meanwhile
_SETTINGS: Final = {
    "WEB_PROCESSES": str(PROCESSES),
    "WEB_THREADS": str(THREADS),
    "TRUSTED_PROXY_COUNT": "1",  # people have addresses of their own
    "PLAYGROUND_STREAMS": "10000",  # the limits are not what is measured
    "PLAYGROUND_STREAMS_A_PERSON": "100",
    "PLAYGROUND_REQUESTS_A_MINUTE": "10000",
    "PLAYGROUND_CONVERSATIONS_PER_HOUR": "10000",
    "PLAYGROUND_STORED_MB_PER_USER": "10000",
    "PLAYGROUND_IMAGE_MB_PER_HOUR": "10000",
    "KEY_ACTIONS_PER_HOUR": "10000",
}


class StreamPortal(Portal):
    """Made and served within a `with`; after `let_in` its people have their forms open."""

    def __init__(
        self, *, sandbox: Sandbox, streams: int, static_root: Path, database_url: str = "", redis_url: str = ""
    ) -> None:
        super().__init__(
            facts=0, static_root=static_root, database_url=database_url, redis_url=redis_url, gateway_url=sandbox.url
        )
        self._settings |= _SETTINGS
        self.sandbox = sandbox
        self.streams = streams
        self.database: Database = Postgres(database_url) if database_url else Sqlite(self.folder / "db.sqlite3")
        self.password = ""
        self.people = [Person(self.port, f"streamer-{n}", n) for n in range(streams)]
        self.late = [Person(self.port, f"late-{n}", streams + n) for n in range(LATE)]
        self.secrets: list[str] = []  # for the same load straight to the gateway

    def prepare(self) -> None:
        """Make tables and people."""
        self.password = self.inside("welcome", self.streams, LATE)["password"]

    def let_in(self) -> None:
        """Let all sign in, open the form and ask once; make as many keys for the way past the portal."""
        on_fast_loop(prepare_all(self.people, self.password))
        self.database.analyze()
        self.secrets = make_secrets(self.sandbox, self.streams)

    def is_at_rest(self, since: datetime) -> bool:
        """Say whether no call begun since then is under way: at the gateway, in the portal's rows, in its threads."""
        if self.sandbox.connections()["open"] or self.database.open_slots(since):
            return False
        return clients_held(self.processes(), self.port) == 0
