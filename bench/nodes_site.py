"""A portal on several nodes behind nginx, with workers, on one PostgreSQL, one Redis and one sandbox gateway."""

import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil
import requests

from bench.portal import ROOT, Portal
from bench.stream_portal import UNLIMITED
from tests.nginx import Nginx
from tests.sandbox_process import Sandbox
from tests.servers import Postgres, Redis, Server, Together

LEAVING_S, GRACE_S = 3, 8  # longer than `fail_timeout` of deploy/nginx; streams have half of the grace
PROXIES: Final = "2"  # nginx, and the header with which people have an address each


class WebNode(Portal):
    """A web server that shares everything with the others but its port and its folder."""

    def __init__(self, static_root: Path, shared: dict[str, str]) -> None:
        super().__init__(facts=0, static_root=static_root)
        self._settings |= shared

    def prepare(self) -> None:
        """Need nothing: the site makes the tables."""

    def is_ready(self) -> bool:
        """Check readiness as an operator does before the next node is restarted."""
        try:
            return requests.get(f"{self.url}/healthz/ready", timeout=5).ok
        except requests.RequestException:
            return False


class CeleryNode(Server):
    """A worker or beat, with the settings of a web node and a folder of its own."""

    def __init__(self, node: WebNode, ready: bytes, *arguments: str) -> None:
        super().__init__()
        self._node, self._ready, self._arguments = node, ready, arguments

    def command(self) -> list[str]:
        """Return Celery with these arguments."""
        celery = ["-W", "ignore", "-m", "celery", "--quiet", "--workdir", str(ROOT), "--app", "portal"]
        return [sys.executable, *celery, *self._arguments]

    def environment(self) -> dict[str, str]:
        """Return the node's environment."""
        return {**self._node.environment(), "VAR_DIR": str(self.folder), "LOG_LEVEL": "INFO"}

    def is_ready(self) -> bool:
        """Look at its log."""
        return self._ready in (self.folder / "log").read_bytes()


class Cluster(Together):
    """All of it, within a `with`: streamers and staff can sign in at `port` with `password`."""

    def __init__(self, people: int, staff: int, *, web: int = 2, workers: int = 2) -> None:
        self._people, self._numbers = (people, 0, staff), (web, workers)
        super().__init__()

    def begin(self) -> None:
        """Start the servers, then nodes, workers and beat, and nginx in front."""
        enter = self.stack.enter_context
        folder = Path(enter(TemporaryDirectory(prefix="passerelle-nodes-")))
        self.sandbox = enter(Sandbox())
        self.database_url = enter(Postgres()).url
        self._nginx = Nginx(is_plain=True)
        shared = self._shared(folder, enter(Redis()).url)
        web, workers = self._numbers
        self.web = [WebNode(folder / "static", shared) for _ in range(web)]
        self.password = self.web[0].inside("welcome", *self._people)["password"]
        for node in self.web:
            enter(node)
        self.workers = [
            CeleryNode(self.web[0], b" ready", "worker", "-P", "prefork", "-c", "2", "-n", f"worker-{number}@bench")
            for number in range(workers)
        ]
        for program in (*self.workers, CeleryNode(self.web[0], b"beat: Starting", "beat")):
            enter(program)
        self._nginx.portal_ports = [node.port for node in self.web]
        enter(self._nginx)

    def _shared(self, folder: Path, redis_url: str) -> dict[str, str]:
        return {
            **UNLIMITED,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": redis_url,
            "GATEWAY_URL": self.sandbox.url,
            "GATEWAY_ADMIN_KEY": self.sandbox.admin_key,
            "PORTAL_URL": self._nginx.url,
            "TRUSTED_PROXY_COUNT": PROXIES,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "PLAYGROUND_KEY_SECRET": secrets.token_urlsafe(50),
            "IMAGE_DIR": str(folder / "images"),
            "WEB_PROCESSES": "2",
            "WEB_LEAVING_S": str(LEAVING_S),
            "WEB_GRACE_S": str(GRACE_S),
        }

    @property
    def port(self) -> int:
        """The port of nginx."""
        return self._nginx.port

    @property
    def programs(self) -> Sequence[Server]:
        """What is killed, in this order: web nodes and workers in turn."""
        return [program for pair in zip(self.web, self.workers, strict=True) for program in pair]

    def tracebacks(self) -> int:
        """Return how many are in the logs of the programs as they run now."""
        return sum((each.folder / "log").read_text().count("Traceback") for each in self.programs)


def kill(server: Server) -> None:
    """Kill a program and its processes, as systemd does when the first of them has died."""
    main = psutil.Process(server.pid)
    for process in (main, *main.children(recursive=True)):
        process.kill()
    server.stop()
