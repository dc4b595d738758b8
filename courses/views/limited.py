"""The limit on what a teacher does with a course."""

import uuid
from collections.abc import Callable
from functools import wraps

from django.http import HttpResponse
from django.http.response import HttpResponseBase

from courses.models import Course
from courses.views.common import taught
from keys.services import TooManyActions, count_action
from web.request import PortalRequest

CourseView = Callable[[PortalRequest, Course], HttpResponseBase]


def limited(page: Callable[..., HttpResponse]) -> Callable[[CourseView], Callable[..., HttpResponseBase]]:
    """Give a POST view of teachers their course, within KEY_ACTIONS_PER_HOUR; beyond it show `page`, and why."""

    def decorate(view: CourseView) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def answer(request: PortalRequest, course_id: uuid.UUID) -> HttpResponseBase:
            course = taught(request, course_id)
            try:
                count_action(request.user, f"courses:{view.__name__}")
            except TooManyActions as refusal:
                response = page(request, course, alert=str(refusal), status=429)
                response.headers["Retry-After"] = str(refusal.retry_after_s)
                return response
            return view(request, course)

        return answer

    return decorate
