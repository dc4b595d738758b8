"""Accept the present gateway as the one that the portal knows."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway.errors import GatewayError
from keys import services


class Command(BaseCommand):
    """Accept what stopped the portal's sync: another gateway, an older one, many missing keys."""

    help = "Accept the gateway as it is now, after the portal has said that it is not as it knows it."

    def handle(self, *args: Any, **options: Any) -> None:
        """Accept, and say what was accepted."""
        try:
            services.identify_gateway()
        except services.GatewayChanged as change:
            self.stdout.write(str(change))
        except GatewayError as error:
            raise CommandError(str(error)) from error
        try:
            problem = services.accept_gateway(f"manage.py ({getpass.getuser()})")
        except GatewayError as error:
            raise CommandError(f"Not accepted. {error}") from error
        if problem:
            self.stdout.write("Accepted. The next keys.sync (within fifteen minutes) marks keys that are not there as")
            self.stdout.write("gone; none is deleted at the gateway, and no usage that the portal has is removed.")
        else:
            self.stdout.write("Nothing to accept: the gateway is in the expected state.")
