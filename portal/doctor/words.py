"""Words that several checks share."""

from typing import Final

from portal.folders import INSTALLED

MAX_SKEW_S: Final = 5.0  # more, and times on pages are visibly wrong


def command(name: str) -> str:
    """Return how to run a management command here."""
    return f"passerelle {name.replace('_', '-')}" if INSTALLED else f"manage.py {name}"


def skew(seconds: float) -> str:
    """Return by how much a clock is wrong, in words."""
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"
