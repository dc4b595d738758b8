"""The list of the courses that a person teaches, or is a student of."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from courses.listing import attended_courses, listed_courses
from courses.services import may_have_courses
from web.request import PortalRequest


@require_safe
def index(request: PortalRequest) -> HttpResponse:
    """Show the person's courses, those that run first, with what was spent."""
    context = {
        "attended": attended_courses(request.user),
        "courses": listed_courses(request.user),
        "may_create": may_have_courses(request.user),
    }
    return render(request, "courses/index.html", context)
