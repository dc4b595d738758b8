"""A portal as in production: nodes on one PostgreSQL and one Redis, which can freeze and disappear."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psutil
import requests
from django.conf import settings

from tests.browser.portal_process import ROOT, Portal
from tests.sandbox_process import Sandbox
from tests.servers import Postgres, Redis, Server, Together

PAGE_LIMIT_S: Final = 60  # longer than any wait that is to be found out
PREPARE: Final = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from keys.catalogue import refresh_models
from tests.conftest import signed_in
from tests.factories import make_intern, make_user
refresh_models()
people = [make_intern("intern"), make_user("admin", is_staff=True, is_superuser=True)]
print(*(signed_in(person).cookies["%s"].value for person in people))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a person got: a status and a page, after so many seconds; status 0 for no answer at all."""

    status: int
    took_s: float
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """Return the body."""
        return json.loads(self.text)


class Node(Portal):
    """One web server, with its own port and folder."""

    def restart_gracefully(self) -> None:
        """End it as systemd does, and start it again."""
        self.stop()
        self.start()

    def said(self) -> str:
        """Return its log."""
        return (self.folder / "log").read_text()


class Visitor:
    """A browser that is signed in, or not."""

    def __init__(self, session: str = "", *, language: str = "en") -> None:
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Accept-Language"] = language
        if session:
            self._http.cookies.set(settings.SESSION_COOKIE_NAME, session)

    def get(self, url: str) -> Seen:
        """Load a page."""
        return self._ask("GET", url)

    def post(self, url: str, page: str, **fields: str) -> Seen:
        """Send a form of `page`, without following where it leads."""
        from tests.keys.views.pages import field_in  # which needs Django's apps

        fields["csrfmiddlewaretoken"] = field_in(page, "csrfmiddlewaretoken")
        return self._ask("POST", url, data=fields, headers={"Referer": url})

    def _ask(self, method: str, url: str, **more: object) -> Seen:
        began = time.monotonic()
        try:
            answer = self._http.request(method, url, timeout=PAGE_LIMIT_S, allow_redirects=False, **more)  # type: ignore[arg-type]
        except requests.RequestException:
            return Seen(status=0, took_s=time.monotonic() - began)
        took_s = time.monotonic() - began
        return Seen(status=answer.status_code, took_s=took_s, text=answer.text, headers=answer.headers)


class Site(Together):
    """The servers, two nodes, an intern and an admin who are signed in; ends with its `with`."""

    def __init__(self, sandbox: Sandbox, *, nodes: int = 1, **more: str) -> None:
        super().__init__()
        self._sandbox = sandbox
        self._number = nodes
        self._more = more

    def begin(self) -> None:
        """Start the servers, then the nodes."""
        self.postgres = self.stack.enter_context(Postgres())
        self.redis = self.stack.enter_context(Redis())
        given = {"DATABASE_URL": self.postgres.url, "REDIS_URL": self.redis.url, **self._more}
        self.nodes = [Node(self._sandbox, **given) for _ in range(self._number)]
        self.intern, self.admin = self._prepare()
        for node in self.nodes:
            self.stack.enter_context(node)

    def _prepare(self) -> list[str]:
        """Make tables and people; return their sessions."""
        command = [sys.executable, str(ROOT / "manage.py"), "shell", "-v", "0", "-c"]
        made = subprocess.run(
            [*command, PREPARE % settings.SESSION_COOKIE_NAME],
            env=self.nodes[0].environment(),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        return made.stdout.split()[-2:]


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """Hold a server and all its processes still, as a machine does that swaps or a disk that hangs."""
    assert server._process
    first = psutil.Process(server._process.pid)
    processes = [first, *first.children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            if process.is_running():
                process.send_signal(signal.SIGCONT)


@contextmanager
def away(server: Server, how: signal.Signals = signal.SIGINT) -> Iterator[None]:
    """End a server, and start it again after the block."""
    server.stop(how)
    try:
        yield
    finally:
        server.start()
