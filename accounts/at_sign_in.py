"""Hooks that run after a sign-in. Apps above register theirs, as they do their words of the audit trail."""

from collections.abc import Callable, Collection
from typing import Final

from accounts.models import User

AT_SIGN_IN: Final[list[Callable[[User], None]]] = []
AT_INSTITUTION_SIGN_IN: Final[list[Callable[[User, Collection[str]], None]]] = []


def at_sign_in(hook: Callable[[User], None]) -> None:
    """Register a function to be called with each person who signs in. It must be quick and idempotent."""
    if hook not in AT_SIGN_IN:
        AT_SIGN_IN.append(hook)


def at_institution_sign_in(hook: Callable[[User, Collection[str]], None]) -> None:
    """Register a function for sign-ins by the institution, which gets the names of the groups that it claims now."""
    if hook not in AT_INSTITUTION_SIGN_IN:
        AT_INSTITUTION_SIGN_IN.append(hook)
