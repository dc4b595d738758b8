"""The page of a course for its teachers, and how far its keys have followed."""

import uuid

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from courses.views.common import render_course, render_progress, taught
from web.request import PortalRequest


@require_safe
def course(request: PortalRequest, course_id: uuid.UUID) -> HttpResponse:
    """Show a course that the person teaches."""
    return render_course(request, taught(request, course_id))


@require_safe
def progress(request: PortalRequest, course_id: uuid.UUID) -> HttpResponse:
    """Show how many keys still have to follow the last change; the page asks until none does."""
    return render_progress(request, taught(request, course_id))
