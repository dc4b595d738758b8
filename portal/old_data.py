"""Data of another version of the portal: a database with migrations that this one does not have, or has otherwise.

The embedded mode moves such data to another folder and starts with new data. It notices a migration that was edited by
a stamp next to the database, with the digest of each. On servers `migrate` refuses unknown migrations; web and worker
continue, since a newer version is deployed while the one before it still runs.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from portal.private_files import write_whole

APPS: Final = ("portal", "api", "catalogue", "teaching", "playground", "usage", "courses", "keys", "accounts")
DATABASE: Final = "db.sqlite3"
STAMP: Final = f"{DATABASE}.stamp"  # JSON: the digest of each migration, by its name
DATA: Final = (  # the database last: until it is moved, the next start goes on
    *("secret_key", "playground_key_secret", "broker", "beat-schedule*", "mail", "images", "media"),
    *(f"{DATABASE}-*", STAMP, DATABASE),
)


def unknown_migrations() -> list[str]:
    """Return the migrations of our apps that the database has, and we do not."""
    known = known_migrations()
    return [name for name in _applied_migrations() if name not in known]


def known_migrations() -> set[str]:
    """Return all migrations of this version, those of packages too."""
    return {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations or ()}


def edited_migrations() -> list[str]:
    """Return the migrations that made the database in DATA_DIR, and read otherwise today; without a stamp all."""
    applied = _applied_migrations() if _in_data_dir() else []
    try:
        made_by = json.loads((settings.DATA_DIR / STAMP).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # never written, or lost in a power failure
        return applied
    digests = migration_digests()
    return [name for name in applied if name in made_by and made_by[name] != digests.get(name)]


def stamp_data(**sent: Any) -> None:
    """Store which migrations make the database in DATA_DIR, unless those of another version have made it.

    A receiver of `pre_migrate`: before they run, so that none is without its digest.
    """
    if _in_data_dir() and not edited_migrations():
        write_whole(settings.DATA_DIR / STAMP, json.dumps(migration_digests(), indent=1))


def keep_stamp(digests: dict[str, str]) -> None:
    """Store which migrations have made the database in DATA_DIR, as a backup knows them."""
    if _in_data_dir():
        ours = {name: digest for name, digest in digests.items() if digest}
        write_whole(settings.DATA_DIR / STAMP, json.dumps(ours, indent=1))


def _applied_migrations() -> list[str]:
    """Return the migrations of our apps that the database has."""
    try:
        applied = MigrationRecorder(connection).applied_migrations()
    except DatabaseError:  # unreachable: reported elsewhere
        return []
    return sorted(f"{app}.{name}" for app, name in applied if app in APPS)


def migration_digests() -> dict[str, str]:
    """Return the name and the digest of every migration of our apps."""
    files = [
        (app, file) for app in APPS for file in Path(apps.get_app_config(app).path, "migrations").glob("[0-9]*.py")
    ]
    return {f"{app}.{file.stem}": hashlib.sha256(file.read_bytes()).hexdigest() for app, file in files}


def _in_data_dir() -> bool:
    """Say whether the database is the embedded mode's own, not one that DATABASE_URL names."""
    return Path(str(connection.settings_dict["NAME"])).resolve() == (settings.DATA_DIR / DATABASE).resolve()


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
    foreign = unknown or edited_migrations()
    connections.close_all()
    goes_on = settings.DATA_DIR == settings.VAR_DIR and _partly_moved(settings.VAR_DIR).exists()
    if not foreign and not goes_on:
        return
    if unknown and not _in_data_dir():
        raise CommandError(f"DATABASE_URL was made by another version (it has {unknown[0]}): name an empty database.")
    kept = move_aside(settings.DATA_DIR, settings.VAR_DIR)
    say(f"The data in {settings.DATA_DIR} is of another version: it is now in {kept}, and the portal starts afresh.")
    os.execv(sys.executable, sys.orig_argv)  # ourselves, with the same arguments


def move_aside(folder: Path, var_dir: Path) -> Path:
    """Move our data in `folder` to a new one in `var_dir` that is named by the date; return that."""
    kept = var_dir / f"{folder.name}-{timezone.now():%Y-%m-%d-%H%M%S}"
    if folder != var_dir:
        return folder.rename(kept)
    partly = _partly_moved(var_dir)
    partly.mkdir(mode=0o700, exist_ok=True)
    for path in [path for name in DATA for path in var_dir.glob(name)]:  # anything else there is not ours, or no data
        if not (partly / path.name).exists():  # else it is new: the settings make a secret at every start without one
            path.rename(partly / path.name)
    return partly.rename(kept)


def _partly_moved(var_dir: Path) -> Path:
    """Return the folder that has what was moved by a start that ended before all was."""
    return var_dir / "old-data-partly-moved"
