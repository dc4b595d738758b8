"""Error pages in the layout: they say what happened and what to do."""

import sys
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation

from gateway import log_context
from web.outage import Outage, log_outage, outage_behind

RETRY_AFTER_S: Final = 10


@login_not_required
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the form has expired; `reason` is for the log, not for the person."""
    return render(request, "403_csrf.html", status=403)


@login_not_required
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 in the layout; but a session that could not be written because of an outage is no bad request."""
    if outage_behind(exception):
        return _unavailable(request, exception)
    return render(request, "400.html", status=400)


@login_not_required
def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 in the layout."""
    return render(request, "403.html", status=403)


@login_not_required
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 in the layout, for missing objects and for those of other people alike."""
    return render(request, "404.html", status=404)


@login_not_required
def server_error(request: HttpRequest) -> HttpResponse:
    """Answer with a standalone page: no context, no database, nothing that may have failed.

    500 for a bug of ours; 503 where the database is unavailable, 507 where the disk is full: Django calls this while it
    handles the exception.
    """
    error = sys.exception()
    if error is None or outage_behind(error) is None:
        return HttpResponse(render_to_string("500.html", {"reference": log_context.request_id()}), status=500)
    return _unavailable(request, error)


def _unavailable(request: HttpRequest, error: BaseException) -> HttpResponse:
    """Say which service is unavailable or full, and log it."""
    outage = outage_behind(error)
    log_outage(str(outage), error)
    language = getattr(request, "LANGUAGE_CODE", "") or translation.get_language_from_request(request)
    with translation.override(language):
        page = render_to_string("503.html", {"outage": outage, "reference": log_context.request_id()})
    headers = {"Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"}
    return HttpResponse(page, status=507 if outage is Outage.DISK else 503, headers=headers)
