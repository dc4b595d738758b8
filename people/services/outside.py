"""Actions on keys that were made outside and have no owner: give them one, block, unblock or delete them."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.audit import Actor
from accounts.models import User
from accounts.rights import people_above
from keys.models import UnownedKey
from keys.services import Run, block_unowned, delete_unowned, give_key, run_on_each, unblock_unowned
from usage.queries.scope import people_like
from usage.services import attribute_tokens


class OutsideAction(StrEnum):
    """An action on keys without an owner."""

    GIVE = "give"
    BLOCK = "block"
    UNBLOCK = "unblock"
    DELETE = "delete"


SERVICES: Final[dict[OutsideAction, Callable[..., None]]] = {
    OutsideAction.GIVE: give_key,
    OutsideAction.BLOCK: block_unowned,
    OutsideAction.UNBLOCK: unblock_unowned,
    OutsideAction.DELETE: delete_unowned,
}


def people_to_own(q: str, admin: User) -> QuerySet[User]:
    """Return the active people to whom the admin may give keys, with all words of `q` in their names."""
    people = people_like(q).filter(is_active=True, anonymised_at=None)
    return people.exclude(pk__in=people_above(admin).values("pk")).order_by("last_name", "first_name", "username")


def why_not_acted_on(row: UnownedKey, action: OutsideAction) -> str:
    """Say why an action leaves out a key; "" if it applies."""
    if row.intent:
        return _("another administrator is just changing it")
    if action == OutsideAction.BLOCK and row.blocked:
        return _("it is blocked already")
    return _("it is not blocked") if action == OutsideAction.UNBLOCK and not row.blocked else ""


def act_on_outside(
    rows: Sequence[UnownedKey], *, action: OutsideAction, actor: Actor, to: User | None = None
) -> Run[UnownedKey]:
    """Run the action on each, and give a key `to` its owner; what it has used is theirs at once.

    Several keys are given by `keys.services.give_keys`: each takes some calls to the gateway.
    """
    more: dict[str, Any] = {} if to is None else {"to": to}
    run = run_on_each(
        rows, lambda row: SERVICES[action](unowned=row, actor=actor, **more), words=attrgetter("for_admin")
    )
    if to is not None and run.done:
        attribute_tokens()  # else with the next poll
    return run
