"""A portal of the bench's own: the real web server on a free port of the loopback address, over a filled database."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import psutil
import requests

from tests.servers import Server

ROOT: Final = Path(__file__).resolve().parent.parent
SILENT_GATEWAY: Final = "http://127.0.0.1:1"  # nobody listens: a page that calls the gateway fails
PAGE_S: Final = 60.0
_OF_BEFORE: Final = "gunicorn.conf.py"


class Portal(Server):
    """Filled on entering, served until the end of the `with`; its folder is deleted.

    Without `database_url` it runs on SQLite, without `redis_url` its cache is in the database: the embedded mode.
    """

    def __init__(
        self,
        *,
        facts: int,
        static_root: Path,
        database_url: str = "",
        redis_url: str = "",
        gateway_url: str = SILENT_GATEWAY,
        root: Path = ROOT,
    ) -> None:
        super().__init__()
        self.root = root  # of the served checkout
        self.facts = facts
        self._settings = {
            "EMBEDDED": "1",
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PORT": str(self.port),
            "VAR_DIR": str(self.folder),
            "STATIC_ROOT": str(static_root),
            "DATABASE_URL": database_url or f"sqlite:///{self.folder / 'db.sqlite3'}",
            "REDIS_URL": redis_url,
            "GATEWAY_URL": gateway_url,
            "LOG_LEVEL": "WARNING",
            "PYTHONPATH": str(root),
        }
        self.pages: dict[str, Any] = {}
        self.filled_s = 0.0

    def environment(self) -> dict[str, str]:
        """Return the environment without settings of another portal in the same terminal."""
        names = ("PATH", "HOME", "LANG", "TMPDIR", "BENCH_PEOPLE", "BENCH_KEYS")
        kept = {name: value for name, value in os.environ.items() if name in names}
        return kept | self._settings

    def prepare(self) -> None:
        """Fill the database."""
        report = self.inside("fill", self.facts)
        self.pages, self.filled_s = report["pages"], report["seconds"]

    def command(self) -> list[str]:
        """Serve as the portal does."""
        if self.is_of_before:
            return [sys.executable, "-m", "gunicorn", "--chdir", str(self.root), "-c", str(self.root / _OF_BEFORE)]
        return [sys.executable, "-m", "portal.serve"]

    def is_ready(self) -> bool:
        """Check readiness as a load balancer does."""
        try:
            return requests.get(f"{self.url}/healthz/live", timeout=5).ok
        except requests.ConnectionError:
            return False

    @property
    def is_of_before(self) -> bool:
        """Whether the checkout is one from before ASGI."""
        return (self.root / _OF_BEFORE).exists()

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    def processes(self) -> list[psutil.Process]:
        """Return the server and its child processes."""
        assert self._process  # noqa: S101  (served within the `with`)
        server = psutil.Process(self._process.pid)
        return [server, *server.children(recursive=True)]

    def cpu_ms(self) -> float:
        """Return the processor time of the server so far, which a busy machine does not increase."""
        return sum(sum(each.cpu_times()[:2]) for each in self.processes()) * 1000

    def inside(self, action: str, *numbers: int) -> Any:
        """Run an action of inside.py in a process of its own, and return its report."""
        command = [sys.executable, "-m", "bench.inside", action, *map(str, numbers)]
        done = subprocess.run(
            command, cwd=self.root, env=self.environment(), check=True, stdout=subprocess.PIPE, text=True
        )
        return json.loads(done.stdout.splitlines()[-1])
