"""The scopes of access tokens: which part of its owner's rights a token has."""

from collections.abc import Iterable
from typing import Final

from django.utils.translation import gettext_lazy as _

SCOPES: Final = {
    "usage:read": _("Read your usage"),
    "models:read": _("Read the list of models"),
    "keys:read": _("Read your keys, without their secrets"),
    "keys:write": _("Create, renew, replace, pause and delete your keys"),
}


def in_words(names: Iterable[str]) -> list[str]:
    """Return the scopes in words, in the order of SCOPES; a former one by its name."""
    found = set(names)
    return [str(SCOPES[name]) for name in SCOPES if name in found] + sorted(found - SCOPES.keys())
