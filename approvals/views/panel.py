"""The page with a person's own requests and those that wait for them, rendered by its view and after actions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import AccessRequest, Grant
from accounts.trail_words import thing_words
from approvals.size_words import SizeLine, size_of_request
from keys.services import TooManyActions
from web.request import PortalRequest

SHOWN: Final = 50  # own requests, newest first
WAITING_SHOWN: Final = 100
SAY_WHY: Final = gettext_lazy("Say why: the person gets it by mail.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A request as lists show it."""

    request: AccessRequest
    what: str  # as requested
    grant: Grant | None = None
    granted: str = ""  # as granted
    is_running: bool = False
    size: Sequence[SizeLine] = ()  # of a course
    is_mine: bool = True  # of open ones: whether they wait for this person, and not for a supervisor


def line_of(request: AccessRequest, *, is_mine: bool = True) -> Line:
    """Return a request in words."""
    grant: Grant | None = getattr(request, "grant", None)
    return Line(
        request=request,
        what=thing_words(request.thing, request.name, request.amount_usd),
        grant=grant,
        granted=thing_words(grant.thing, grant.name, grant.amount_usd) if grant else "",
        is_running=grant is not None and grant.ends_at > timezone.now(),
        size=size_of_request(request.details),
        is_mine=is_mine,
    )


def render_requests(request: PortalRequest, *, alert: str = "", status: int = 200) -> HttpResponse:
    """Render the page; `alert` is why an action failed."""
    own = AccessRequest.objects.of(request.user).select_related("grant", "decided_by").order_by("-created_at", "pk")
    open_ones = AccessRequest.objects.decidable_by(request.user).filter(
        state=AccessRequest.State.OPEN, person__is_active=True
    )
    mine = Exists(AccessRequest.objects.addressed_to(request.user).filter(pk=OuterRef("pk")))
    requests = open_ones.annotate(is_mine=mine).select_related("person", "grant")
    waiting: Any = requests.order_by("-is_mine", "created_at", "pk")[:WAITING_SHOWN]
    context: dict[str, Any] = {
        "own": [line_of(each) for each in own[:SHOWN]],
        "waiting": [line_of(each, is_mine=each.is_mine) for each in waiting],
        "alert": alert,
    }
    return render(request, "approvals/index.html", context, status=status)


def approved(request: AccessRequest, has_followed: bool) -> str:
    """Say that a request is approved, and whether the gateway `has_followed`."""
    if has_followed:
        words = _("Approved: it is in effect now. %(name)s gets a mail.")
    else:
        words = _("Approved. The gateway has not confirmed it yet; it follows within a minute. %(name)s gets a mail.")
    return words % {"name": request.person.display_name}


def refused(request: AccessRequest) -> str:
    """Say that a request is refused."""
    return _("Refused. %(name)s gets a mail with the reason.") % {"name": request.person.display_name}


def too_many(response: HttpResponse, refusal: TooManyActions) -> HttpResponse:
    """Say when the next action is possible."""
    response.headers["Retry-After"] = str(refusal.retry_after_s)
    return response
