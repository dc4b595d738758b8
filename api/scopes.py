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
    "interns:write": _("Add, change and hand over your interns, and create, replace, renew and delete their keys"),
    "courses:read": _("Read the courses that you teach, and their students"),
    "courses:write": _("Create and change courses that you teach, add and remove students, and create their keys"),
    "admin:read": _("Read people, groups, policies, all keys and all usage, as far as you may see them"),
    "admin:write": _("Change people, their keys, groups, policies and requests, as far as you may on the pages"),
}


def in_words(names: Iterable[str]) -> list[str]:
    """Return the scopes in words, in the order of SCOPES; a former one by its name."""
    found = set(names)
    return [str(SCOPES[name]) for name in SCOPES if name in found] + sorted(found - SCOPES.keys())
