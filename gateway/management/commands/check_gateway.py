"""Tell an operator whether the portal can work with its gateway."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gateway.diagnostics import examine
from gateway.django import get_gateway


class Command(BaseCommand):
    """Print a line for each check, and what to do after each that fails; exit with status 1 if any does."""

    help = "Checks the gateway: reachable, version, healthy, admin key, models, clock, custom keys."
    requires_system_checks = ()  # it is called when something is wrong

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings as they come."""
        self.stdout.write(f"Passerelle {settings.VERSION}")
        failed = 0
        try:
            gateway = get_gateway()
        except ValueError as problem:  # an invalid URL or key
            raise CommandError(str(problem)) from None
        for finding in examine(gateway):
            mark = self.style.SUCCESS("ok   ") if finding.ok else self.style.ERROR("FAIL ")
            self.stdout.write(mark + finding.text)
            if finding.advice:
                self.stdout.write(f"     {finding.advice}")
            failed += not finding.ok
        if failed:
            raise CommandError(f"{failed} of the checks failed.")
