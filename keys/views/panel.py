"""My keys, the page: the form for a new key and the list of those there are."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.policies import policy_of
from keys.forms import KeyForm
from keys.models import Key
from keys.services.lifetimes import is_renewable, is_rotatable, may_end_leak
from keys.status import Status, status_of
from web.pages import render_region
from web.request import PortalRequest

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A key as a template needs it."""

    key: Key
    status: Status
    may_renew: bool
    may_rotate: bool
    may_end_leak: bool
    may_delete: bool


def row_of(key: Key) -> Row:
    """Return `key` with its state and what may be done with it now."""
    return Row(
        key=key,
        status=status_of(key),
        may_renew=is_renewable(key),
        may_rotate=is_rotatable(key),
        may_end_leak=may_end_leak(key),
        may_delete=key.state in (Key.State.ACTIVE, Key.State.DELETING),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Keys under one heading; what needs the person comes first."""

    title: "_StrPromise"
    rows: list[Row]
    hint: "str | _StrPromise" = ""


def grouped(rows: Iterable[Row]) -> list[Group]:
    """Return the groups that have keys: Needs attention, In use, Made outside, Expired or deleted."""
    rows = list(rows)
    ended = [row for row in rows if row.status.code in ("deleted", "failed")]
    outside = [row for row in rows if row.key.kind == Key.Kind.OUTSIDE and row not in ended]
    rest = [row for row in rows if row not in ended and row not in outside]
    groups = [
        Group(title=_("Needs attention"), rows=[row for row in rest if row.status.needs_owner]),
        Group(title=_("In use"), rows=[row for row in rest if not row.status.needs_owner]),
        Group(
            title=_("Made outside the portal"),
            rows=outside,
            hint=_("Found at the gateway under your name. You can delete it here, not renew it."),
        ),
        Group(title=_("Expired or deleted today"), rows=ended),
    ]
    return [group for group in groups if group.rows]


@require_safe
def index(request: PortalRequest) -> HttpResponse:
    """Show the person's keys, and the form for another."""
    return render_panel(request)


def render_panel(
    request: PortalRequest, form: KeyForm | None = None, *, said: str = "", said_bad: bool = False, status: int = 200
) -> HttpResponse:
    """Render My keys; `said` is spoken to the person: what was done or, with `said_bad`, why not."""
    allowance = policy_of(request.user)
    keys = Key.objects.owned_by(request.user).listed(timezone.now()).newest_first()
    rows = [row_of(key) for key in keys]
    live = [row for row in rows if row.key.state in Key.LIVE_STATES and row.key.kind in Key.COUNTED_KINDS]
    context = {
        "form": form or KeyForm(allowance=allowance),
        "allowance": allowance,
        "groups": grouped(rows),
        "live_count": len(live),
        "said": said,
        "said_bad": said_bad,
    }
    return render_region(request, "keys/index.html", "panel", context, status=status)
