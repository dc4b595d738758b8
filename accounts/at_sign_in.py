"""What else is done when somebody has signed in. Apps above add to it, as they do to the words of the trail."""

from collections.abc import Callable
from typing import Final

from accounts.models import User

AT_SIGN_IN: Final[list[Callable[[User], None]]] = []


def at_sign_in(hook: Callable[[User], None]) -> None:
    """Have this called with each person who has signed in. It must be quick, and harmless when it is called again."""
    if hook not in AT_SIGN_IN:
        AT_SIGN_IN.append(hook)
