"""Reconcile the portal and the gateway after an old copy of the portal's database was restored."""

from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway.errors import GatewayError
from keys import services
from keys.models import Key


class Command(BaseCommand):
    """Adopt keys that were created since the copy, mark those that were deleted since, finish what was in progress."""

    help = "After restoring an old backup of the database: list what was adopted, repaired and lost, key by key."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it, and report in plain lines. Idempotent."""
        try:
            services.identify_gateway()
            report = services.repair_after_restore()
        except GatewayError as error:
            raise CommandError(f"Not finished: {error} Run this again.") from error
        found = report.differences
        self._list("Adopted: created since the backup, owned and listed again", report.adopted)
        self._list("Repaired: in progress at the time of the backup, or present again", report.repaired)
        self._list("Updated: another end, or a block, since the backup", report.updated)
        self._list("Lost: deleted at the gateway since the backup", report.lost)
        self._list("Limits taken over: changed since the backup; the policies apply within the hour", found.limits)
        for number, person in enumerate(found.budgets):
            if number == 0:
                self.stdout.write("Budgets written again: the team at the gateway had another one")
            self.stdout.write(f"  {person.username}")
        if found.of_unknown_people:
            whose = "people who are not in the backup, or of another portal at this gateway"
            self.stdout.write(f"Left alone: {found.of_unknown_people} keys of {whose}")
        for team_id, number in sorted(found.of_unknown_courses.items()):
            self.stdout.write(f"Listed as external: {number} keys of a course that is not in the backup ({team_id})")
        if report.deleted:
            self.stdout.write(f"Deleted at the gateway, as requested before the backup: {report.deleted}")
        if report.unreadable:
            self.stdout.write(f"Skipped, because the gateway's row is invalid: {report.unreadable}")
        if not report.anything:
            self.stdout.write("Nothing to do: the portal and the gateway agree.")

    def _list(self, title: str, keys: Iterable[Key]) -> None:
        for number, key in enumerate(keys):
            if number == 0:
                self.stdout.write(f"{title}:")
            self.stdout.write(f"  {key.owner.username}: {key.get_kind_display()} key “{key.label}” …{key.last_four}")
