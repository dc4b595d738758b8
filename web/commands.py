"""How people run a command of the portal, for texts."""

from django.conf import settings


def command(name: str) -> str:
    """Return a management command as it is run here: by the wheel's own program, or by manage.py of a checkout."""
    return f"passerelle {name.replace('_', '-')}" if settings.INSTALLED else f"manage.py {name}"
