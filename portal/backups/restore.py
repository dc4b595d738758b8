"""Restores a backup, into an empty place only."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from portal.backups.archive import Reader
from portal.backups.database import count_rows, load, table_names
from portal.backups.errors import BackupError
from portal.backups.manifest import COMPARED, DATABASE, FILES, FORMAT, Manifest, accepted_fingerprints
from portal.old_data import keep_stamp, known_migrations, migration_digests
from portal.version import version
from web.files import folder_of_files, folders_of_files, pieces_of, put_back

MB: Final = 1024 * 1024


def restore_backup(path: Path, say: Callable[[str], None]) -> Manifest:
    """Check all of the archive and the place, then fill files and database, and migrate. Raises BackupError.

    After a failure it can be run again: the database is filled wholly or not at all, and files of the archive may
    be there already.
    """
    with path.open("rb") as file:
        reader = Reader(file)
        manifest = reader.manifest
        _refuse_another_version(manifest)
        _refuse_a_place_in_use(reader)
        _refuse_full_disks(manifest)
        say(f"Checking {path.name}, made on {manifest.made_at} by version {manifest.version}")
        reader.verify()
        say(f"Restoring {sum(name.startswith(FILES) for name in manifest.parts)} files")
        _restore_files(reader)
        say(f"Restoring {sum(manifest.rows.values())} rows in {len(manifest.rows)} tables")
        load(reader.chunks(DATABASE[manifest.vendor]), settings.DATA_DIR)
    _compare_rows(manifest)
    keep_stamp(manifest.migrations)
    call_command("migrate", verbosity=0, interactive=False)
    if not settings.REDIS_URL:
        call_command("createcachetable", verbosity=0)
    return manifest


def check_backup(path: Path) -> Manifest:
    """Compare all of an archive with its digests, and restore nothing. Raises BackupError."""
    with path.open("rb") as file:
        reader = Reader(file)
        reader.verify()
    return reader.manifest


def changed_secrets(manifest: Manifest) -> Iterator[str]:
    """Yield a sentence for each secret that is not the one of the backup."""
    for name, then in manifest.fingerprints.items():
        if name in COMPARED and then not in accepted_fingerprints(name):
            yield f"{name} is not the one of the backup: {COMPARED[name]}"


def _refuse_another_version(manifest: Manifest) -> None:
    """Refuse what only another version can read: newer, or from before the first release."""
    known, digests = known_migrations(), migration_digests()
    unknown = sorted(set(manifest.migrations) - known)
    edited = [name for name, digest in manifest.migrations.items() if digest and digest != digests.get(name)]
    if manifest.format > FORMAT or unknown or edited:
        what = (unknown or edited or [f"format {manifest.format}"])[0]
        raise BackupError(
            f"The backup was made by version {manifest.version}. This is {version()}, which lacks {what} "
            "as it was then. Restore it with the version that made it, then upgrade."
        )


def _refuse_a_place_in_use(reader: Reader) -> None:
    """Refuse a database with tables, one of another kind, and files that are not of this archive."""
    manifest, place = reader.manifest, connection.settings_dict["NAME"]
    if manifest.vendor != connection.vendor:
        raise BackupError(f"The backup is of {manifest.vendor}, and this database is {connection.vendor}.")
    if tables := table_names():
        raise BackupError(
            f"The database {place} is not empty: it has {len(tables)} tables. A restore overwrites nothing: name an "
            "empty database in DATABASE_URL, and keep this one until all is well."
        )
    for names in folders_of_files() if manifest.with_files else ():
        foreign = [name for name in names if FILES + name not in manifest.parts]
        if foreign:
            raise BackupError(
                f"There are files that are not in the backup ({foreign[0]}). Name an empty folder in IMAGE_DIR."
            )


def _refuse_full_disks(manifest: Manifest) -> None:
    """Refuse where the files do not fit, or SQLite with the copy that it is read from; PostgreSQL's disk is its own."""
    there = {name for names in folders_of_files() for name in names}
    files = {name.removeprefix(FILES): part.bytes for name, part in manifest.parts.items() if name.startswith(FILES)}
    needed = {folder_of_files(): sum(size for name, size in files.items() if name not in there)}
    if manifest.vendor == "sqlite":
        needed[settings.DATA_DIR] = 2 * manifest.parts[DATABASE[manifest.vendor]].bytes
    disks: Counter[int] = Counter()
    for folder, size in needed.items():
        if folder is None:
            continue
        place = next(each for each in (folder, *folder.parents) if each.exists())
        disks[place.stat().st_dev] += size
        if disks[place.stat().st_dev] > (free := shutil.disk_usage(place).free):
            raise BackupError(
                f"The backup needs {disks[place.stat().st_dev] / MB:,.0f} MB on the disk of {folder}, which has "
                f"{free / MB:,.0f} MB left. Make room, or name another folder."
            )


def _restore_files(reader: Reader) -> None:
    """Store the files, unless the same are there already, from a restore that was interrupted."""
    for part, about in reader.manifest.parts.items():
        name = part.removeprefix(FILES)
        if name != part and _digest_of(name) != about.sha256:
            with reader.open(part) as content:
                put_back(name, content)


def _digest_of(name: str) -> str:
    digest = hashlib.sha256()
    try:
        for piece in pieces_of(name):
            digest.update(piece)
    except FileNotFoundError:
        return ""
    return digest.hexdigest()


def _compare_rows(manifest: Manifest) -> None:
    """Count what was restored."""
    rows = count_rows()
    wrong = [name for name, number in manifest.rows.items() if rows.get(name) != number]
    if wrong:
        name = wrong[0]
        number = manifest.rows[name]
        raise BackupError(f"{name} has {rows.get(name)} rows in place of {number}. Do not use this database.")
