"""Create the demo people."""

from argparse import ArgumentParser
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.checks import LOOPBACK
from accounts.models import User

PASSWORD = "passerelle"  # noqa: S105  # printed by `make run`; only ever on one's own machine


class DemoPerson(NamedTuple):
    """A demo person."""

    username: str
    first_name: str
    group: str
    is_staff: bool


PEOPLE = (
    DemoPerson("intern", "Intern A", "Interns", False),
    DemoPerson("staff", "Staff B", "Staff", False),
    DemoPerson("admin", "Admin C", "Admins", True),
)


class Command(BaseCommand):
    """Create intern, staff and admin with a known password; existing people stay as they are."""

    help = "Make the demo people intern, staff and admin (password passerelle). In embedded mode only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Accept the confirmation that a real gateway is meant."""
        parser.add_argument(
            "--with-real-gateway",
            action="store_true",
            help="also when keys would be created at a real gateway; the portal starts when their password was changed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse where known passwords would be dangerous; create the missing people."""
        if not settings.EMBEDDED:
            raise CommandError("Demo people have a known password: they are created only with EMBEDDED=1.")
        if not options["with_real_gateway"] and not _gateway_is_the_sandbox():
            raise CommandError(
                f"The gateway is {settings.GATEWAY_URL}, not the sandbox. Demo people have a known password: anybody "
                "who reaches the portal could make keys there. If you want that, add --with-real-gateway."
            )
        known = set(User.objects.filter(username__in=[person.username for person in PEOPLE]).values_list("username"))
        for person in PEOPLE:
            if (person.username,) not in known:
                _make(person)
                self.stdout.write(f"{person.username}: created")


def _gateway_is_the_sandbox() -> bool:
    """Return whether the portal's gateway is the sandbox of `make run`."""
    url = urlsplit(settings.GATEWAY_URL)
    return url.hostname in LOOPBACK and url.port == settings.SANDBOX_PORT


@transaction.atomic
def _make(person: DemoPerson) -> None:
    user = User.objects.create_user(
        person.username,
        email=f"{person.username}@example.org",
        password=PASSWORD,
        first_name=person.first_name,
        is_staff=person.is_staff,
    )
    user.groups.add(Group.objects.get_or_create(name=person.group)[0])
