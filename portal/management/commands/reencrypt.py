"""Encrypt secrets in the database again, after a new first one of ENCRYPTION_SECRETS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.reencryption import encrypt_all_again


class Command(BaseCommand):
    """Encrypt them all with the newest secret; the portal may run meanwhile."""

    help = "Encrypt second factors and webhooks again with the first of ENCRYPTION_SECRETS, so that others can go."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what no secret opens. Idempotent."""
        done, lost = encrypt_all_again()
        self.stdout.write(f"Encrypted again: {done} rows.")
        if lost:
            raise CommandError(f"{lost} rows were encrypted with a secret that is not in ENCRYPTION_SECRETS: add it.")
