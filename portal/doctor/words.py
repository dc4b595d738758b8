"""Words that several checks share."""

from typing import Final

MAX_SKEW_S: Final = 5.0  # more, and times on pages are visibly wrong


def skew(seconds: float) -> str:
    """Return by how much a clock is wrong, in words."""
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"
