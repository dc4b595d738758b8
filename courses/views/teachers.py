"""Add a teacher to a course, and remove one."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.audit import actor_of
from accounts.backends import account_of
from accounts.models import User
from courses import services
from courses.views.common import done, render_course, taught
from web.request import PortalRequest


@require_POST
def add(request: PortalRequest, course_id: uuid.UUID) -> HttpResponse:
    """Make somebody a teacher of the course, by their user name or address.

    Whoever did it for a course without a teacher no longer sees it then, unless they added themselves.
    """
    course, person = taught(request, course_id), account_of(request.POST.get("who", ""))

    def do() -> str:
        if person is None or not person.is_active:
            raise services.CourseRefused("course.nobody")
        services.add_teacher(course=course, person=person, actor=actor_of(request))
        return _("%(name)s teaches the course now.") % {"name": person.display_name}

    def then() -> HttpResponse:
        teaches = course.teachers.filter(person=request.user).exists()
        return redirect("courses:course", course.pk) if teaches else redirect("courses:index")

    return done(request, course, "add_teacher", do, then)


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: PortalRequest, course_id: uuid.UUID, person_id: int) -> HttpResponse:
    """Ask whether to remove a teacher; on POST, remove them. Somebody who removes themselves leaves the page."""
    course = taught(request, course_id)
    person = get_object_or_404(User.objects.filter(teaches__course=course), pk=person_id)

    def do() -> str:
        services.remove_teacher(course=course, person=person, actor=actor_of(request))
        return _("%(name)s no longer teaches the course.") % {"name": person.display_name}

    if request.method == "POST":
        there = ("courses:index",) if person == request.user else ("courses:course", course.pk)
        return done(request, course, "remove_teacher", do, lambda: redirect(*there))
    if course.teachers.count() == 1:
        return render_course(request, course, alert=str(services.CourseRefused("course.last_teacher")), status=409)
    return render(request, "courses/remove_teacher.html", {"course": course, "person": person})
