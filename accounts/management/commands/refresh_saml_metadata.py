"""Read the metadata of SAML institutions and federations now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.saml_metadata import MetadataRefused, refresh, saml_providers


class Command(BaseCommand):
    """Read all metadata, as the task does every two hours, and say what it has."""

    help = "Read the metadata of SAML institutions and federations now, check its signature, and say what it has."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line for each provider."""
        failed = []
        for provider in saml_providers():
            try:
                self.stdout.write(f"{provider.id}: {refresh(provider)} institutions")
            except MetadataRefused as error:
                failed.append(f"{provider.id}: {error}")
        if failed:
            raise CommandError("\n".join(failed))
