"""Back up the database, the files of conversations, and the settings without secrets."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.backups.create import make_backup
from portal.backups.errors import BackupError
from portal.backups.manifest import FILES
from web.files import StorageUnavailable


class Command(BaseCommand):
    """Write one archive; the portal may run meanwhile."""

    help = "Back up database, files and settings to one archive, without secrets, while the portal runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the place, and how many are kept."""
        parser.add_argument("target", type=Path, help="a new file, or a folder: the time is then the name")
        parser.add_argument("--keep", type=int, default=0, metavar="N", help="leave the newest N in the folder")
        parser.add_argument(
            "--without-files", action="store_true", help="leave out the files, where the storage has its own backup"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, and say what is in it."""
        if options["keep"] < 0:
            raise CommandError("--keep takes a number of archives.")
        try:
            made = make_backup(options["target"], with_files=not options["without_files"], keep=options["keep"])
        except StorageUnavailable as error:
            raise CommandError("No backup: the storage of files does not answer.") from error
        except (BackupError, OSError) as error:
            raise CommandError(f"No backup: {error}") from error
        manifest, size_mb = made.manifest, made.path.stat().st_size / 1e6
        files = sum(name.startswith(FILES) for name in manifest.parts)
        rows = sum(manifest.rows.values())
        self.stdout.write(f"{made.path}: {size_mb:.1f} MB, {rows} rows, {files} files, version {manifest.version}.")
        if manifest.missing_files:
            self.stdout.write(f"{manifest.missing_files} files were missing; they may have been deleted meanwhile.")
        for path in made.deleted:
            self.stdout.write(f"Deleted: {path}")
        self.stdout.write("It has no secrets: keep SECRET_KEY, ENCRYPTION_SECRETS and PLAYGROUND_KEY_SECRET elsewhere.")
