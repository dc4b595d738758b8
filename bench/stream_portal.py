"""A portal with people who stream, its gateway a sandbox, as in production: two processes, PostgreSQL and Redis."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.portal import ROOT, Portal
from bench.results import say
from bench.stream_client import Ask, on_fast_loop
from bench.stream_direct import direct_ask, make_secrets
from bench.stream_people import Person, prepare_all
from bench.stream_watch import Database, Postgres, Sqlite, clients_held
from tests import servers
from tests.sandbox_process import Sandbox

LATE: Final = 50  # people who sign in meanwhile
SERVERS: Final = ("granian", "uvicorn")
_BASELINE_THREADS: Final = 300  # of each process, where a stream holds one
_BASELINE_LIMITS: Final = {  # its names of two of _SETTINGS
    "PLAYGROUND_STREAMS_A_PERSON": "1000",
    "PLAYGROUND_REQUESTS_A_MINUTE": "100000",
}
UNLIMITED: Final = {  # limits are not measured
    "PLAYGROUND_STREAMS": "10000",
    "PLAYGROUND_STREAMS_PER_USER": "1000",
    "PLAYGROUND_REQUESTS_PER_MINUTE": "100000",
    "PLAYGROUND_CONVERSATIONS_PER_HOUR": "100000",
    "PLAYGROUND_STORED_MB_PER_USER": "10000",
    "PLAYGROUND_IMAGE_MB_PER_HOUR": "10000",
    "KEY_ACTIONS_PER_HOUR": "10000",
}
_SETTINGS: Final = {
    **UNLIMITED,
    "TRUSTED_PROXY_COUNT": "1",  # people have IP addresses of their own
    "PLAYGROUND_UNWATCHED_S": "0",  # a disconnect ends the answer
}


class StreamPortal(Portal):
    """Prepared and served within a `with`; after `let_in` its people have their forms open.

    `root` is the served checkout: this one, or an older one, on gunicorn and with a stream for each POST.
    """

    def __init__(
        self,
        *,
        sandbox: Sandbox,
        people: int,
        static_root: Path,
        database_url: str = "",
        redis_url: str = "",
        root: Path = ROOT,
        server: str = SERVERS[0],
        processes: int = 2,
    ) -> None:
        super().__init__(
            facts=0,
            static_root=static_root,
            database_url=database_url,
            redis_url=redis_url,
            gateway_url=sandbox.url,
            root=root,
        )
        self._settings |= {**_SETTINGS, "WEB_PROCESSES": str(processes)}
        if self.is_of_before:
            self._settings |= {"WEB_THREADS": str(_BASELINE_THREADS), **_BASELINE_LIMITS}
        self._server, self._processes = server, processes
        self.sandbox = sandbox
        self.database: Database = Postgres(database_url) if database_url else Sqlite(self.folder / "db.sqlite3")
        self.password = ""
        two_steps = not self.is_of_before
        self.people = [Person(self.port, f"streamer-{n}", n, two_steps) for n in range(people)]
        self.late = [Person(self.port, f"late-{n}", people + n, two_steps) for n in range(LATE)]
        self.secrets: list[str] = []  # for the same load straight to the gateway

    def command(self) -> list[str]:
        """Serve as the portal does, or by uvicorn."""
        if self._server == "granian":
            return super().command()
        options = ["--workers", str(self._processes), "--port", str(self.port), "--log-level", "warning"]
        return [sys.executable, "-m", "uvicorn", "portal.asgi:application", *options, "--no-access-log"]

    def prepare(self) -> None:
        """Create tables and people."""
        self.password = self.inside("welcome", len(self.people), len(self.late))["password"]

    def let_in(self) -> None:
        """Sign in everybody, open the form and send one message; create as many keys for the direct load."""
        on_fast_loop(prepare_all(self.people, self.password))
        self.database.analyze()
        self.secrets = make_secrets(self.sandbox, len(self.people))
        for key in self.sandbox.live_keys():  # each carries the streams of several people, and limits are not measured
            no_limits = {"key": key["token"], "tpm_limit": None, "rpm_limit": None, "max_budget": None}
            self.sandbox.call("POST", "/key/update", body=no_limits).raise_for_status()

    def asks(self, streams: int, tokens: int) -> list[Ask]:
        """Return so many messages, of people in turn."""
        return [self.people[n % len(self.people)].ask(tokens) for n in range(streams)]

    def direct_asks(self, streams: int, tokens: int) -> list[Ask]:
        """Return the same straight to the gateway."""
        return [direct_ask(self.sandbox, self.secrets[n % len(self.secrets)], tokens) for n in range(streams)]

    def is_at_rest(self, since: datetime) -> bool:
        """Say whether no call started since then is active: at the gateway, in the portal's rows, in its sockets."""
        if self.sandbox.connections()["open"] or self.database.open_calls(since):
            return False
        return clients_held(self.processes(), self.port) == 0


@contextmanager
def production(
    *,
    people: int,
    on_sqlite: bool = False,
    root: Path = ROOT,
    server: str = SERVERS[0],
    processes: int = 2,
) -> Iterator[StreamPortal]:
    """Serve a checkout on servers and a sandbox of its own; its people are signed in."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="passerelle-bench-")))
        database_url = "" if on_sqlite else stack.enter_context(servers.Postgres()).url
        redis_url = "" if on_sqlite else stack.enter_context(servers.Redis()).url
        portal = StreamPortal(
            sandbox=stack.enter_context(Sandbox()),
            people=people,
            static_root=folder,
            database_url=database_url,
            redis_url=redis_url,
            root=root,
            server=server,
            processes=processes,
        )
        began = time.monotonic()
        stack.enter_context(portal)
        started = time.monotonic()
        portal.let_in()
        say(f"{root}: started in {started - began:.0f} s, signed in in {time.monotonic() - started:.0f} s")
        yield portal
