"""Replace the secrets of Playground keys, after a new PLAYGROUND_KEY_SECRET."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.audit import BY_THE_PORTAL
from gateway.errors import GatewayError
from keys import services


class Command(BaseCommand):
    """Do now what the task does within the hour; the portal may run meanwhile."""

    help = "Replace the secrets of Playground keys that PLAYGROUND_KEY_SECRET_FALLBACKS have made."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say how many are left. Idempotent."""
        try:
            replaced = services.replace_former_secrets(BY_THE_PORTAL)
        except GatewayError as error:
            raise CommandError(f"Nothing was replaced: {error}") from error
        self.stdout.write(f"Replaced: {replaced.done} keys. Left, until their next use: {replaced.left}.")
        if replaced.failure:
            raise CommandError(f"Not finished: {replaced.failure} Run this again.")
