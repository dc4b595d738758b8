"""An empty SQLite database in place of the tests' own, to be migrated as far as a test likes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.management.sql import emit_post_migrate_signal
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.db.migrations.executor import MigrationExecutor


@contextmanager
def fresh_database(folder: Path) -> Iterator[DatabaseWrapper]:
    """Have `connection` be that of a new file, until the block ends."""
    usual = connections["default"]
    options = {**connections.settings["default"], "ENGINE": "django.db.backends.sqlite3", "OPTIONS": {}}
    fresh = DatabaseWrapper({**options, "NAME": str(folder / "fresh.sqlite3")}, "default")
    connections["default"] = fresh
    ContentType.objects.clear_cache()  # of numbers in the other database
    try:
        yield fresh
    finally:
        fresh.close()
        connections["default"] = usual
        ContentType.objects.clear_cache()


def migrate_to(connection: DatabaseWrapper, *targets: tuple[str, str]) -> Any:
    """Migrate to these migrations, as `manage.py migrate` does; return the models of then."""
    executor = MigrationExecutor(connection)
    state = executor.migrate(list(targets))
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default", apps=apps, plan=[])
    return state.apps
