"""Show, or apply, how long the portal keeps what it writes down."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from portal.retention import apply_retention, count_due


class Command(BaseCommand):
    """Print the numbers; delete what the task deletes every night."""

    help = "Delete what is older than the settings of retention say, as a task does every night."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether to look only."""
        parser.add_argument("--dry-run", action="store_true", help="say how many rows would go, and delete nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line for each kind of rows."""
        for rule, number in count_due():
            kept = f"{rule.days} days" if rule.days else "for good"
            by = rule.task or "portal.apply_retention"
            self.stdout.write(f"{rule.name}: kept {kept} ({rule.setting}); {number} rows are older, for {by}")
        if not options["dry_run"]:
            for name, number in apply_retention().items():
                self.stdout.write(f"Deleted: {name}, {number} rows")
