"""The scopes of access tokens: which part of its owner's rights a token has."""

from collections.abc import Iterable
from typing import Final

from django.utils.translation import gettext_lazy as _

SCOPES: Final = {
    "usage:read": _("Read your usage"),
    "models:read": _("Read the list of models"),
    "keys:read": _("Read your keys, without their secrets"),
    "keys:write": _("Create, renew, replace, pause and delete your keys"),
    "interns:read": _("Read your interns, their keys and their usage"),
    "courses:read": _("Read the courses that you teach, and their students"),
    "courses:write": _("Freeze the courses that you teach, and end a freeze"),
    "admin:read": _("Read people, groups, policies, all keys and all usage, as far as you may see them"),
    "admin:write": _("Block, unblock and delete the keys of people whom you may manage"),
}


def in_words(names: Iterable[str]) -> list[str]:
    """Return the scopes in words, in the order of SCOPES; a former one by its name."""
    found = set(names)
    return [str(SCOPES[name]) for name in SCOPES if name in found] + sorted(found - SCOPES.keys())
