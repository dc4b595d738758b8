"""Restore a backup into an empty place."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.backups.errors import BackupError
from portal.backups.manifest import FILES, Manifest
from portal.backups.restore import changed_secrets, check_backup, restore_backup
from web.files import StorageUnavailable


class Command(BaseCommand):
    """Check an archive and restore it; nothing is overwritten."""

    help = "Restore a backup into an empty database and an empty folder of files."
    requires_system_checks = ()  # the database is empty

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the archive."""
        parser.add_argument("archive", type=Path, help="what `backup` has made")
        parser.add_argument("--check", action="store_true", help="compare it with its digests, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what comes next."""
        try:
            if options["check"]:
                self._say_what_is_in_it(check_backup(options["archive"]))
                return
            manifest = restore_backup(options["archive"], self.stdout.write)
        except StorageUnavailable as error:
            raise CommandError("Not restored: the storage of files does not answer, is full, or refuses.") from error
        except (BackupError, OSError) as error:
            raise CommandError(f"Not restored: {error}") from error
        for sentence in changed_secrets(manifest):
            self.stdout.write(self.style.WARNING(sentence))
        self.stdout.write("Restored. Run `after_restore`, which compares it with the gateway, then start the portal.")

    def _say_what_is_in_it(self, manifest: Manifest) -> None:
        files = sum(name.startswith(FILES) for name in manifest.parts)
        self.stdout.write(f"Complete. Made on {manifest.made_at} by version {manifest.version}, on {manifest.vendor}:")
        self.stdout.write(f"  {sum(manifest.rows.values())} rows in {len(manifest.rows)} tables, and {files} files")
        for sentence in changed_secrets(manifest):
            self.stdout.write(self.style.WARNING(f"  {sentence}"))
