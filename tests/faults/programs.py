"""Worker and beat of a site, as processes of their own."""

import sys

from tests.faults.site import Site
from tests.servers import ROOT, Server


class CeleryProgram(Server):
    """A program of Celery with the settings of the site's first node, and the environment of its own that is given."""

    arguments: tuple[str, ...]
    ready: bytes

    def __init__(self, site: Site, **more: str) -> None:
        super().__init__()
        self._site, self._more = site, more

    def command(self) -> list[str]:
        celery = ["-W", "ignore", "-m", "celery", "--quiet", "--workdir", str(ROOT), "--app", "portal"]
        return [sys.executable, *celery, *self.arguments]

    def environment(self) -> dict[str, str]:
        """Share the folder of the node, as on one machine."""
        return {**self._site.nodes[0].environment(), "PYTHONUNBUFFERED": "1", **self._more}

    def is_ready(self) -> bool:
        return self.ready in (self.folder / "log").read_bytes()

    def said(self) -> str:
        """Return its log."""
        return (self.folder / "log").read_text()


class Worker(CeleryProgram):
    """A worker with processes, as on servers."""

    arguments = ("worker", "--pool", "prefork", "--concurrency", "2", "--hostname", "tests@faults")
    ready = b" ready"


class Beat(CeleryProgram):
    """The scheduler."""

    arguments = ("beat",)
    ready = b"beat: Starting"
