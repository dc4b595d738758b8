"""Say what a sign-in would do."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.identity_providers import IdentityProvider, Ldap, identity_provider, identity_providers
from accounts.try_sign_in import NothingSent, attributes_in, entry_of, lines


class Command(BaseCommand):
    """Read what an identity provider sends, and say which account, groups and rules follow. Changes nothing."""

    help = "Say what a sign-in would do, by what an identity provider sends. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the provider, and where the attributes come from."""
        parser.add_argument("provider", help="its id")
        sources = parser.add_mutually_exclusive_group(required=True)
        sources.add_argument("--username", help="looked up in the directory, without a password")
        sources.add_argument("--claims", type=Path, help="a JSON file with what is sent; for OpenID Connect with sub")
        parser.add_argument("--subject", default="somebody", help="who it is, where the file does not say")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        provider = identity_provider(options["provider"])
        if provider is None:
            names = ", ".join(each.id for each in identity_providers())
            raise CommandError(f"There is no provider {options['provider']}. There are: {names or 'none'}.")
        try:
            subject, attributes = _sent(provider, options)
            for line in lines(provider, subject, attributes):
                self.stdout.write(line)
        except (OSError, ValueError, NothingSent) as error:
            raise CommandError(str(error)) from error


def _sent(provider: IdentityProvider, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return subject and attributes."""
    if options["username"] is None:
        return attributes_in(options["claims"].read_text(), options["subject"])
    if not isinstance(provider, Ldap):
        raise CommandError(f"{provider.id} is no directory: give --claims.")
    return entry_of(provider, options["username"])
