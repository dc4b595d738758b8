"""The report of a course: its cohort and its use from start to end, or in a part of it."""

from dataclasses import replace
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from teaching.views.common import CourseView, course_seen_by, period_of_course
from usage.models import utc_today
from usage.pages import Page
from usage.periods import period_of
from usage.queries.scope import Scope
from usage.views import report as reports
from web.request import PortalRequest


@require_safe
@gzip_page
def report(request: PortalRequest, course_id: UUID) -> HttpResponse:
    """Show the report."""
    view = course_seen_by(request, course_id)
    title = _("Report: %(course)s") % {"course": view.course.name}
    page = _page(request, view)
    return reports.show(request, page, title, back="teaching:course", args=[view.course.pk], course=view.course)


@require_safe
@gzip_page
def report_csv(request: PortalRequest, course_id: UUID) -> StreamingHttpResponse:
    """Return the report as a file."""
    return reports.report_csv(request, _page(request, course_seen_by(request, course_id)), "course-report")


def _page(request: PortalRequest, view: CourseView) -> Page:
    """Return the numbers that the report is about: the whole course, unless the URL names days."""
    has_days = request.GET.get("from") or request.GET.get("to")
    period = period_of(request.GET, utc_today()) if has_days else period_of_course(view.course)
    scope = Scope(course=str(view.course.pk))
    return Page(access=view.access, here="teaching:report", scope=scope, period=replace(period, name=""))
