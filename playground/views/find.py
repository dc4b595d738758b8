"""The search over everything, and the list of keyboard shortcuts: pages, and dialogs on every page."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from playground.palette import matches_of
from web.pages import render_region
from web.request import PortalRequest


@require_safe
def find(request: PortalRequest) -> HttpResponse:
    """Find conversations, models, keys and pages; htmx gets the dialog, and with `q` what was found."""
    q = request.GET.get("q")
    context = {"matches": matches_of(request.user, q or "")}
    return render_region(request, "playground/find.html", "search" if q is None else "matches", context)


@require_safe
def shortcuts(request: PortalRequest) -> HttpResponse:
    """List the keyboard shortcuts."""
    return render_region(request, "playground/shortcuts.html", "shortcuts", {})
