"""`manage.py run`: the whole portal in one terminal."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.launch import run_everything


class Command(BaseCommand):
    """Start web, worker, beat and, where no gateway is named, a sandbox gateway."""

    help = "Start the whole portal in this terminal, to try it: web, worker, beat, sandbox gateway. Ctrl-C ends all."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until Ctrl-C, or until one of the programs ends."""
        if not settings.EMBEDDED:
            raise CommandError("This is for the embedded mode: set EMBEDDED=1, or see docs/operating.md for servers.")
        run_everything(self._say)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
