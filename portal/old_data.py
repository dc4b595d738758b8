"""Data of another version of the portal: a database with migrations that this one does not have.

The embedded mode moves such data to another folder and starts with new data. On servers `migrate` refuses; web and
worker continue, since a newer version is deployed while the one before it still runs.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

APPS: Final = ("portal", "api", "catalogue", "teaching", "playground", "usage", "courses", "keys", "accounts")
DATA: Final = ("db.sqlite3*", "secret_key", "playground_key_secret", "broker", "beat-schedule*", "mail", "media")


def unknown_migrations() -> list[str]:
    """Return the migrations of our apps that the database has, and we do not."""
    try:
        applied = set(MigrationRecorder(connection).applied_migrations())
    except DatabaseError:  # unreachable: reported elsewhere
        return []
    unknown = applied - set(MigrationLoader(None).disk_migrations)
    return sorted(f"{app}.{name}" for app, name in unknown if app in APPS)


@register(Tags.database)
def database_is_of_this_version(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse to migrate data of another version; not among the checks that stop web and worker."""
    unknown = unknown_migrations() if databases else []
    if not unknown:
        return []
    hint = "Use the version that made it, or an empty database."
    return [Error(f"The database was made by another version: it has {unknown[0]}.", hint=hint, id="portal.E018")]


def begin_anew_after_another_version(say: Callable[[str], None]) -> None:
    """Move the data of another version to another folder, print it, and restart this program with new settings."""
    unknown = unknown_migrations()
    connections.close_all()
    if not unknown:
        return
    if Path(str(connection.settings_dict["NAME"])).parent != settings.DATA_DIR:
        raise CommandError(f"DATABASE_URL was made by another version (it has {unknown[0]}): name an empty database.")
    kept = _keep_aside(settings.DATA_DIR, settings.VAR_DIR)
    say(f"The data in {settings.DATA_DIR} is of another version: it is now in {kept}, and the portal starts afresh.")
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606  (ourselves, with the same arguments)


def _keep_aside(folder: Path, var_dir: Path) -> Path:
    """Move our data in `folder` to a new one in `var_dir` that is named by the date; return that."""
    kept = var_dir / f"{folder.name}-{timezone.now():%Y-%m-%d-%H%M%S}"
    if folder != var_dir:
        return folder.rename(kept)
    kept.mkdir(mode=0o700)
    for path in [path for name in DATA for path in var_dir.glob(name)]:  # anything else there is not ours, or no data
        path.rename(kept / path.name)
    return kept
