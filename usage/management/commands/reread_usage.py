"""Read days again from the gateway, and accept the numbers as they are."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from usage.models import PollRun
from usage.services import refresh_facts


class Command(BaseCommand):
    """Replace the facts of these days by the gateway's present ones, even if it reports far less than before."""

    help = "Read the usage of UTC days again, newest first, and take smaller numbers too (they are kept otherwise)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Accept the first and the last day."""
        parser.add_argument("first_day", type=date.fromisoformat, help="as 2026-11-01")
        parser.add_argument("last_day", type=date.fromisoformat, help="as 2026-11-30, included")

    def handle(self, *args: Any, first_day: date, last_day: date, **options: Any) -> None:
        """Read all of them in one run, and say what changed."""
        run = refresh_facts(first_day, last_day, PollRun.Kind.BUTTON, slice_s=float("inf"), accept_less=True)
        if run.outcome != PollRun.Outcome.DONE:
            raise CommandError(f"Not read: {run.problem} Try again later.")
        self.stdout.write(f"{first_day} to {last_day}: {run.rows_written} facts created, changed or removed.")
