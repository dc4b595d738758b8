"""The pages of usage as what a URL, or a saved view, requests: whose usage, which filters, which period."""

from dataclasses import dataclass
from typing import Final

from django.core.exceptions import PermissionDenied
from django.http import QueryDict

from accounts.models import User
from accounts.policies import policy_of
from usage.models import utc_today
from usage.periods import Period, period_of
from usage.queries.access import PageAccess, page_access
from usage.queries.scope import FILTERS, OR, Scope, scope_of

MINE: Final = "usage:index"
INTERNS: Final = "usage:interns"
EVERYONE: Final = "usage:everyone"
FILTERS_OF_ONE: Final = ("model", "provider", "key", "kind", "course")  # of pages of one person


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One of the pages of usage: its scope, its route, and its URL parameters."""

    access: PageAccess
    here: str  # name of its route
    scope: Scope
    period: Period


def page_of(user: User, here: str, params: QueryDict) -> Page:
    """Return a page as this person sees it: their own keys, those of their interns, or everybody's.

    Refuses people without permission. The pages of one person have no filters on people.
    """
    access = page_access(user)
    if here == EVERYONE:
        if not access.sees_everyone:
            raise PermissionDenied
        scope = scope_of(_filters(params, FILTERS))
    else:
        if here == INTERNS and not access.names_interns and not policy_of(user).may_name_interns:
            raise PermissionDenied
        filters = _filters(params, FILTERS_OF_ONE)
        scope = scope_of(filters, owner_id=user.pk, interns_only=here == INTERNS)
    return Page(
        access=access,
        here=here,
        scope=scope,
        period=period_of({name: str(params[name]) for name in params}, utc_today()),
    )


def _filters(params: QueryDict, names: tuple[str, ...]) -> dict[str, str]:
    """Return these filters; a field may be there several times, as a form with boxes sends it."""
    return {name: OR.join(value for value in params.getlist(name) if value) for name in names}
