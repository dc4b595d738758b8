"""`manage.py run`: the whole portal in one terminal."""

import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.launch import run_everything
from portal.supervisor import end_with_parent


class Command(BaseCommand):
    """Start web, worker, beat and, where no gateway is named, a sandbox gateway."""

    help = "Start the whole portal in this terminal, to try it: web, worker, beat, sandbox gateway. Ctrl-C ends all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Accept that we are part of another program, as of `make run`."""
        parser.add_argument("--end-with-parent", action="store_true", help="end when the program that started us dies")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until Ctrl-C, or until one of the programs ends."""
        if not settings.EMBEDDED:
            raise CommandError("This is for the embedded mode: set EMBEDDED=1, or see docs/operating.md for servers.")
        if options["end_with_parent"]:
            end_with_parent(signal.SIGTERM)
        run_everything(self._say)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
