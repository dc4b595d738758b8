"""The worker of the portal, as a process of its own on the tests' database and broker."""

import sys
from pathlib import Path

from django.conf import settings

from tests.browser.portal_process import Portal
from tests.sandbox_process import Sandbox


class Worker(Portal):
    """Celery, as `make run` starts it, telling everything that it could tell."""

    def __init__(self, gateway: Sandbox) -> None:
        super().__init__(gateway, VAR_DIR=str(settings.DATA_DIR), LOG_LEVEL="DEBUG", KEY_ANSWER_DEADLINE_S="0")

    @property
    def log(self) -> Path:
        """What it has said so far."""
        return self.folder / "log"

    def prepare(self) -> None:
        """Need nothing."""

    def command(self) -> list[str]:
        worker = ["--workdir", str(settings.BASE_DIR), "--app", "portal", "worker", "--loglevel", "DEBUG"]
        return [sys.executable, "-W", "ignore", "-m", "celery", *worker, "--hostname", f"tests@{self.port}"]

    def is_ready(self) -> bool:
        return b" ready" in self.log.read_bytes()
