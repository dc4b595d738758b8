"""Hooks that run after a sign-in. Apps above register theirs, as they do their words of the audit trail."""

from collections.abc import Callable
from typing import Final

from accounts.models import User

AT_SIGN_IN: Final[list[Callable[[User], None]]] = []


def at_sign_in(hook: Callable[[User], None]) -> None:
    """Register a function to be called with each person who signs in. It must be quick and idempotent."""
    if hook not in AT_SIGN_IN:
        AT_SIGN_IN.append(hook)
