"""Django's `migrate`, whose `--check` says what would run, what that locks, and for how long."""

import sys
from typing import Any

from django.core.management.commands import migrate

from portal.migration_plan import Planned, Step, plan_migrations
from portal.old_data import unknown_migrations

SHORTEST_S = 1.0
WOULD_RUN, BREAKS_OLD_NODES = 1, 3  # exit codes of --check


class Command(migrate.Command):
    """Apply migrations, or say with --check what they would do."""

    help = (
        "Bring the database up to date. --check: say what would change and for how long it locks, and change nothing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the plan, and exit with 1, or with 3 if nodes of the last release must not run meanwhile."""
        if not options["check_unapplied"]:
            super().handle(*args, **options)
            return
        if unknown := unknown_migrations():
            self.stdout.write(self.style.WARNING(f"A newer version has migrated the database: it has {unknown[0]}."))
        plan = plan_migrations()
        if not plan:
            self.stdout.write("Nothing to do: the database is up to date.")
            return
        for migration in plan:
            self._describe(migration)
        held_s = sum(step.seconds for migration in plan for step in migration.steps)
        self.stdout.write(f"{len(plan)} migrations would run; tables are locked for {_in_words(held_s)} in all.")
        if any(migration.breaks for migration in plan):
            self.stdout.write(
                self.style.WARNING("Stop all nodes of the last release before: they cannot live with it.")
            )
            sys.exit(BREAKS_OLD_NODES)
        self.stdout.write("Nodes of the last release can run meanwhile.")
        sys.exit(WOULD_RUN)

    def _describe(self, migration: Planned) -> None:
        self.stdout.write(migration.name)
        for step in migration.steps:
            self.stdout.write(f"  {step.what}: {_lock_of(step)}")
        for problem in migration.breaks:
            self.stdout.write(self.style.WARNING(f"  ! {problem}"))


def _lock_of(step: Step) -> str:
    where = f" ({step.table}, about {step.rows:,} rows)" if step.table else ""
    if step.is_data:
        return "changes data, as long as that takes"
    return step.lock + (f" for {_in_words(step.seconds)}" if step.seconds else "") + where


def _in_words(seconds: float) -> str:
    return "less than a second" if seconds < SHORTEST_S else f"about {seconds:,.0f} s"
