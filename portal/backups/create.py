"""Makes a backup."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from django.db import connection
from django.utils import timezone

from playground.models import Attachment, GeneratedImage
from portal.backups.archive import DRAFTS, Writer, complete_file
from portal.backups.database import snapshot
from portal.backups.errors import BackupError
from portal.backups.manifest import (
    DATABASE,
    FILES,
    FORMAT,
    Manifest,
    applied_migrations,
    fingerprints,
    settings_without_secrets,
)
from portal.version import version
from web.files import folders_of_files, pieces_of

NAME: Final = "passerelle-{:%Y-%m-%dT%H%M%SZ}.zip"
NAMES: Final = "passerelle-????-??-??T??????Z.zip"  # of archives in a folder, in order of time
ABANDONED_S: Final = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was made."""

    path: Path
    manifest: Manifest
    deleted: list[Path]  # older ones


def make_backup(target: Path, *, with_files: bool = True, keep: int = 0) -> Made:
    """Write an archive, to a file that is not there yet or into a folder, of which `keep` are left. Raises BackupError.

    The database is of one moment. Files are copied after it: those of later rows may be there too, and are deleted by
    `playground.prune` after a restore; those that people deleted since then are missing, as their rows soon are.
    """
    now = timezone.now()
    path = target / NAME.format(now) if target.is_dir() else target
    if path.exists():
        raise BackupError(f"{path} exists already. Name another file, or a folder.")
    if keep and path == target:
        raise BackupError("--keep needs a folder, in which the older backups are.")
    _delete_abandoned(path.parent)
    with complete_file(path) as file, Writer(file) as writer:
        with snapshot(path.parent) as taken:  # not held while files are copied: PostgreSQL cleans nothing up meanwhile
            migrations, named = applied_migrations(), _files_of_rows()
            writer.add(DATABASE[connection.vendor], taken.chunks, compress=not taken.is_compressed)
        stored = set(_add_files(writer)) if with_files else set()
        manifest = Manifest(
            format=FORMAT,
            version=version(),
            made_at=now.isoformat(timespec="seconds"),
            vendor=connection.vendor,
            migrations=migrations,
            rows=taken.rows,
            parts=writer.parts,
            missing_files=len(named - stored) if with_files else 0,
            settings=settings_without_secrets(),
            fingerprints=fingerprints(),
            with_files=with_files,
        )
        writer.finish(manifest)
    return Made(path=path, manifest=manifest, deleted=_delete_older(path, keep) if keep else [])


def _files_of_rows() -> set[str]:
    """Return the names of files that rows name."""
    names: set[str] = set()
    for rows in (Attachment.objects.all(), GeneratedImage.objects.all()):
        names.update(rows.exclude(file="").values_list("file", flat=True).iterator(chunk_size=2000))
    return names


def _add_files(writer: Writer) -> Iterator[str]:
    """Add the files of conversations, and yield their names; those that are deleted meanwhile are left out."""
    for names in folders_of_files():
        for name in sorted(names):
            with contextlib.suppress(FileNotFoundError):
                pieces = pieces_of(name)
                first = next(pieces, b"")  # before its entry is begun
                writer.add(FILES + name, chain([first], pieces))
                yield name


def _delete_abandoned(folder: Path) -> None:
    """Remove what backups that were killed a day ago have left: drafts, and copies of SQLite."""
    for draft in folder.glob(DRAFTS):
        if draft.stat().st_mtime < time.time() - ABANDONED_S:
            shutil.rmtree(draft) if draft.is_dir() else draft.unlink()


def _delete_older(made: Path, keep: int) -> list[Path]:
    """Leave the one that was made, and the newest others in its folder, `keep` in all."""
    others = sorted(path for path in made.parent.glob(NAMES) if path != made)
    outdated = others[: max(0, len(others) - keep + 1)]
    for path in outdated:
        path.unlink()
    return outdated
