"""The list of the courses that a person teaches, or is a student of."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from courses.listing import listed_courses
from courses.models import Course
from courses.services import may_have_courses
from web.request import PortalRequest


@require_safe
def index(request: PortalRequest) -> HttpResponse:
    """Show the person's courses, those that run first, with what was spent."""
    attended = Course.objects.attended_by(request.user).select_related("team").order_by("-team__ends_at", "name")
    context = {
        "attended": attended,
        "courses": listed_courses(request.user),
        "may_create": may_have_courses(request.user),
    }
    return render(request, "courses/index.html", context)
