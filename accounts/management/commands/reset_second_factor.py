"""Reset the second factor of somebody, where no admin can sign in any more."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import BY_THE_PORTAL
from accounts.backends import account_of
from accounts.second_factor import reset_second_factor


class Command(BaseCommand):
    """Remove authenticator app, security keys and recovery codes of one person, and end their sessions."""

    help = "Remove the second factor of one person, who can then sign in with the password alone."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the person."""
        parser.add_argument("person", help="user name or address")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reset it."""
        person = account_of(options["person"])
        if person is None:
            raise CommandError("There is no such account.")
        if not reset_second_factor(person, BY_THE_PORTAL):
            raise CommandError(f"{person} has no second factor.")
        self.stdout.write(f"{person} signs in with the password alone until they set up another second factor.")
