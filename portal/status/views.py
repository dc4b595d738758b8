"""The page, and its text as a file."""

from functools import partial

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal.status.diagnostics import diagnostics, versions
from portal.status.parts import portal_status
from usage.queries.access import PageAccess, page_access
from web.pages import render_region
from web.patience import answers_within
from web.request import PortalRequest

ANSWER_S = 2.0  # of the database, for each question of the page


def _require(request: PortalRequest) -> PageAccess:
    """Return the access of a person with permission to set the portal up; 403 for others."""
    access = page_access(request.user)
    if not access.sees_status:
        raise PermissionDenied
    return access


@require_safe
def index(request: PortalRequest) -> HttpResponse:
    """Show how each part does; htmx asks for the parts alone every half a minute."""
    access = _require(request)
    with answers_within(ANSWER_S):
        status = portal_status()
        context = {
            "access": access,
            "here": "status:index",
            "status": status,
            "versions": versions(status),
            "checked_at": timezone.now(),
            "diagnostics": partial(diagnostics, status),  # of the whole page alone
        }
        return render_region(request, "status/index.html", "panel", context)


@require_safe
def diagnostics_file(request: PortalRequest) -> HttpResponse:
    """Answer with the text for a report of a problem."""
    _require(request)
    with answers_within(ANSWER_S):
        text = diagnostics(portal_status())
    headers = {"Content-Disposition": 'attachment; filename="passerelle-diagnostics.txt"'}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)
