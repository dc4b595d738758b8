"""Apply personal budgets to all people with keys, or show what that would do."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.errors import GatewayError, GatewayRejected, GatewayUnavailable
from keys import services
from keys.models import PersonBudget
from keys.services.adopt_budgets import Adoption, adopt, spent_usd, unadopted
from web.amounts import only_usd_number

PERIODS = {"1d": "a day", "7d": "a week", "30d": "a month"}


class Command(BaseCommand):
    """Write budgets to the gateway and make existing keys count in them."""

    help = "Set each person's budget over all their keys at the gateway, and let existing keys count in it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Accept --dry-run."""
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be done; write nothing.")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        """Print a line for each person. Idempotent."""
        try:
            if not dry_run:  # which writes its time at the gateway
                services.identify_gateway()
        except GatewayError as error:
            raise CommandError(f"Nothing was done: {error}") from error
        people = keys = failed = 0
        for adoption in unadopted():
            try:
                self.stdout.write(f"{adoption.owner.username}: {_budget(adoption)}{self._one(adoption, dry_run)}")
            except GatewayUnavailable as error:
                raise CommandError(f"Stopped at {adoption.owner.username}: {error} Run this again.") from error
            except GatewayRejected as error:
                failed += 1
                self.stderr.write(f"{adoption.owner.username}: the gateway refused. {error}")
                continue
            people, keys = people + 1, keys + adoption.joining
        self._sum_up(people, keys, dry_run=dry_run)
        if failed:
            raise CommandError(f"{failed} of them failed. Run this again.")

    def _one(self, adoption: Adoption, dry_run: bool) -> str:
        """Adopt one person, or read what they have spent; return the line to print."""
        secrets = (
            f", {adoption.joining} secret{'' if adoption.joining == 1 else 's'} to join" if adoption.joining else ""
        )
        if dry_run:
            if adoption.budget_usd is None:
                return secrets
            spent = spent_usd(adoption)
            used_up = ": used up, their keys will stop" if spent >= adoption.budget_usd else ""
            return f"{secrets}, {only_usd_number(spent)} USD spent{used_up}"
        if adopt(adoption) == PersonBudget.State.WITHOUT_TEAMS:
            return ", kept by the portal, since the gateway has no teams"
        return secrets.replace("to join", "joined")

    def _sum_up(self, people: int, keys: int, *, dry_run: bool) -> None:
        if not people:
            self.stdout.write("Nothing to do: everybody with keys has the budget of their policy.")
        elif dry_run:
            self.stdout.write(f"Would be changed: people {people}, secrets {keys}. Nothing was written.")
        else:
            self.stdout.write(f"Changed: people {people}, secrets {keys}.")


def _budget(adoption: Adoption) -> str:
    """Return the budget in words."""
    if adoption.budget_usd is None:
        return "no limit any more"
    return f"{only_usd_number(adoption.budget_usd)} USD {PERIODS[adoption.period]}{', new' if adoption.is_new else ''}"
