"""`manage.py compile_translations`: as `compilemessages`, without gettext's programs."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from portal.translations import compile_translations


class Command(BaseCommand):
    """Compile each translation that is newer than its compiled file."""

    help = "Compile locale/*.po to .mo where they have changed; gettext need not be installed."

    requires_system_checks = ()  # it runs before there are settings of a server, to build an image

    def handle(self, *args: Any, **options: Any) -> None:
        """Compile, and print the written files."""
        for written in compile_translations(settings.LOCALE_PATHS):
            self.stdout.write(str(written))
