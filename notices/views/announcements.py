"""Announcements: people with permission publish, change and delete them."""

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.audit import actor_of
from accounts.models import Announcement
from keys.services import TooManyActions, count_action
from notices import services
from notices.forms import AnnouncementForm
from notices.views.common import preview_of, too_many
from usage.queries.access import PageAccess, page_access
from web.request import PortalRequest

OVER_SHOWN: Final = 50  # of those whose time is over, newest first


def _require(request: PortalRequest) -> PageAccess:
    """Return the access of a person with permission to publish announcements; 403 for others."""
    access = page_access(request.user)
    if not access.may_announce:
        raise PermissionDenied
    return access


@require_safe
def index(request: PortalRequest) -> HttpResponse:
    """List all announcements: shown now, planned, over."""
    return _list(request, _require(request))


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PortalRequest) -> HttpResponse:
    """Show the form; on POST, a preview or, with `step` "save", publish."""
    return _edit(request, _require(request), Announcement())


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PortalRequest, announcement_id: int) -> HttpResponse:
    """Show the form of an existing announcement; on POST, a preview or, with `step` "save", change it."""
    access = _require(request)
    return _edit(request, access, get_object_or_404(Announcement, pk=announcement_id))


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PortalRequest, announcement_id: int) -> HttpResponse:
    """Ask for a confirmation; on POST, delete it."""
    access = _require(request)
    announcement = get_object_or_404(Announcement, pk=announcement_id)
    if request.method != "POST":
        context = {"access": access, "here": "notices:announcements", "announcement": announcement}
        return render(request, "notices/delete_announcement.html", context)
    try:
        count_action(request.user, "notices:announce")
    except TooManyActions as refusal:
        return too_many(_list(request, access, alert=str(refusal), status=429), refusal)
    services.delete_announcement(announcement, actor=actor_of(request))
    messages.success(request, _("Deleted: nobody sees it any more."))
    return redirect("notices:announcements")


def _list(request: PortalRequest, access: PageAccess, *, alert: str = "", status: int = 200) -> HttpResponse:
    """List them from one query, and one for their groups."""
    now, newest_first = timezone.now(), Announcement.objects.order_by("-starts_at", "-pk")
    over = newest_first.filter(ends_at__lte=now)[:OVER_SHOWN]
    shown = newest_first.filter(Q(ends_at__gt=now) | Q(pk__in=over.values("pk")))
    rows = list(shown.prefetch_related("groups"))
    context = {
        "access": access,
        "here": "notices:announcements",
        "sections": [
            {"title": _("Shown now"), "rows": [row for row in rows if row.starts_at <= now < row.ends_at]},
            {"title": _("Planned"), "rows": [row for row in rows if row.starts_at > now]},
            {"title": _("Over"), "rows": [row for row in rows if row.ends_at <= now]},
        ],
        "alert": alert,
    }
    return render(request, "notices/announcements.html", context, status=status)


def _edit(request: PortalRequest, access: PageAccess, announcement: Announcement) -> HttpResponse:
    form = AnnouncementForm(request.POST if request.method == "POST" else None, instance=announcement)
    context: dict[str, Any] = {"access": access, "here": "notices:announcements", "form": form}
    status = 200
    if form.is_bound and not form.is_valid():
        status = 422
    elif form.is_bound and request.POST.get("step") == "save":
        try:
            count_action(request.user, "notices:announce")
        except TooManyActions as refusal:
            form.add_error(None, str(refusal))
            return too_many(render(request, "notices/announcement.html", context, status=429), refusal)
        services.save_announcement(announcement, groups=form.cleaned_data["groups"], actor=actor_of(request))
        messages.success(request, _("The announcement is saved."))
        return redirect("notices:announcements")
    elif form.is_bound:
        context["preview"] = preview_of(announcement)
    return render(request, "notices/announcement.html", context, status=status)
