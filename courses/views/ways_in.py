"""A teacher decides how students come in: the link with its QR code, and a group of the institution."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.audit import actor_of
from courses.models import Course
from courses.services import joining
from courses.services.join_codes import code_of
from courses.student_forms import EntryForm
from courses.views.common import taught
from courses.views.limited import limited
from web.addresses import absolute
from web.pages import render_region
from web.qr import qr_svg
from web.request import PortalRequest


@require_safe
@never_cache
def ways_in(request: PortalRequest, course_id: uuid.UUID) -> HttpResponse:
    """Show the link, its QR code, and who can use it."""
    return render_ways_in(request, taught(request, course_id))


def render_ways_in(
    request: PortalRequest, course: Course, form: EntryForm | None = None, *, alert: str = "", status: int = 200
) -> HttpResponse:
    """Render the page; the code is on teachers' pages only."""
    code = code_of(course) if course.state in (Course.State.DRAFT, *Course.RUNNING) else ""
    link = absolute(reverse("courses:join", args=[in_groups(code)])) if code else ""
    context = {
        "course": course,
        "form": form or EntryForm(course=course),
        "link": link,
        "code": in_groups(code),
        "qr": qr_svg(link, title=_("QR code of the link")) if link else "",
        "room": joining.room_in(course),
        "alert": alert,
    }
    return render_region(request, "courses/ways_in.html", "panel", context, status=status)


def in_groups(code: str) -> str:
    """Return a code in groups of four, as people read it out."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


@require_POST
@never_cache
@limited(render_ways_in)
def new_link(request: PortalRequest, course: Course) -> HttpResponse:
    """Make a new code; the one before stops at once."""
    joining.renew_code(course=course, actor=actor_of(request))
    messages.success(request, _("The new link works now. A link from before does not."))
    return redirect("courses:ways_in", course.pk)


@require_POST
@never_cache
@limited(render_ways_in)
def close_link(request: PortalRequest, course: Course) -> HttpResponse:
    """Close the link."""
    joining.close_link(course=course, actor=actor_of(request))
    messages.success(request, _("The link is closed. Students who have joined stay."))
    return redirect("courses:ways_in", course.pk)


@require_POST
@never_cache
@limited(render_ways_in)
def save_entry(request: PortalRequest, course: Course) -> HttpResponse:
    """Save until when the link works, for whom, and the group."""
    form = EntryForm(request.POST, course=course)
    if not form.is_valid():
        return render_ways_in(request, course, form, status=422)
    joining.change_entry(course=course, actor=actor_of(request), **form.cleaned_data)
    messages.success(request, _("Saved."))
    return redirect("courses:ways_in", course.pk)
