"""Rebuild the sums of usage."""

from typing import Any

from django.core.management.base import BaseCommand

from usage.services import rebuild_rollups, update_keys


class Command(BaseCommand):
    """Add up all facts again by day and model, and by day and token; safe at any time."""

    help = "Make the sums of usage anew from the facts, and say for which days they differed."

    def handle(self, *args: Any, **options: Any) -> None:
        """Rebuild, and print a report."""
        differed = rebuild_rollups()
        update_keys()
        for day, rows in differed.items():
            self.stdout.write(f"{day}: {rows} rows differed, and were corrected")
        self.stdout.write(f"{len(differed)} days differed." if differed else "Nothing differed.")
