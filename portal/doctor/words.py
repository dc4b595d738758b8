"""Words that several checks share."""

import sys
from pathlib import Path
from typing import Final

MAX_SKEW_S: Final = 5.0  # more, and times on pages are visibly wrong


def command(name: str) -> str:
    """Return how to run a command, as this program was started."""
    program = Path(sys.argv[0]).name
    return f"{program if program in ('manage.py', 'passerelle') else 'manage.py'} {name}"


def skew(seconds: float) -> str:
    """Return by how much a clock is wrong, in words."""
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"
