"""The page of all notices, and their dismissal, which can be undone."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Announcement
from notices import services
from notices.bell import items_for
from web.redirects import next_page
from web.request import PortalRequest


@require_safe
def index(request: PortalRequest) -> HttpResponse:
    """Show all notices of the person: new ones, and dismissed ones."""
    return _list(request)


def _list(request: PortalRequest, *, alert: str = "", status: int = 200) -> HttpResponse:
    items = items_for(request.user)
    context = {
        "items": [item for item in items if not item.is_dismissed],
        "dismissed": [item for item in items if item.is_dismissed],
        "alert": alert,
    }
    return render(request, "notices/index.html", context, status=status)


@require_POST
def dismiss(request: PortalRequest) -> HttpResponse:
    """Dismiss the notice in the form; with htmx its place offers an undo."""
    try:
        item = _set(request, dismissed=True)
    except services.NoticeChanged:
        return _changed(request)
    if request.htmx:
        return render(
            request, "notices/_dismissed.html", {"item": item, "next": next_page(request, settings.PORTAL_PATH)}
        )
    messages.success(request, _("Dismissed. You will find it under Notices, where you can undo this."))
    return redirect(next_page(request, reverse("notices:index")))


def _changed(request: PortalRequest) -> HttpResponse:
    """Show the notice as it is now; in the place of a banner, the banner."""
    alert = _("This notice has changed. It was not dismissed.")
    if not (request.htmx and request.POST.get("kind") == "announcement"):
        return _list(request, alert=alert, status=409)
    announcement = get_object_or_404(Announcement.objects.for_person(request.user), pk=request.POST["id"])
    context = {"announcement": announcement, "alert": alert, "next": next_page(request, settings.PORTAL_PATH)}
    return render(request, "_announcement.html", context, status=409)


@require_POST
def restore(request: PortalRequest) -> HttpResponse:
    """Show a dismissed notice again."""
    _set(request, dismissed=False)
    return redirect(next_page(request, reverse("notices:index")))


def _set(request: PortalRequest, *, dismissed: bool) -> dict[str, str]:
    """Dismiss or restore the notice in the form; 404 if it is not this person's."""
    item = {name: request.POST.get(name, "") for name in ("kind", "id")}
    if not services.set_dismissed(
        request.user, item["kind"], item["id"], dismissed=dismissed, seen=request.POST.get("seen", "")
    ):
        raise Http404
    return item
