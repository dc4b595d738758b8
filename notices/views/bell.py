"""The page of all notices, and their dismissal, which can be undone."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from notices import services
from notices.bell import items_for
from web.redirects import next_page
from web.request import PortalRequest


@require_safe
def index(request: PortalRequest) -> HttpResponse:
    """Show all notices of the person: new ones, and dismissed ones."""
    items = items_for(request.user)
    context = {
        "items": [item for item in items if not item.is_dismissed],
        "dismissed": [item for item in items if item.is_dismissed],
    }
    return render(request, "notices/index.html", context)


@require_POST
def dismiss(request: PortalRequest) -> HttpResponse:
    """Dismiss the notice in the form; with htmx its place offers an undo."""
    item = _set(request, dismissed=True)
    if request.htmx:
        return render(request, "notices/_dismissed.html", {"item": item, "next": next_page(request, "/")})
    messages.success(request, _("Dismissed. You find it under Notices, where you can undo this."))
    return redirect(next_page(request, reverse("notices:index")))


@require_POST
def restore(request: PortalRequest) -> HttpResponse:
    """Show a dismissed notice again."""
    _set(request, dismissed=False)
    return redirect(next_page(request, reverse("notices:index")))


def _set(request: PortalRequest, *, dismissed: bool) -> dict[str, str]:
    """Dismiss or restore the notice in the form; 404 if it is not this person's."""
    item = {name: request.POST.get(name, "") for name in ("kind", "id")}
    if not services.set_dismissed(request.user, item["kind"], item["id"], dismissed=dismissed):
        raise Http404
    return item
