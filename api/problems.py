"""Errors of the API as RFC 9457 problem details, in the language of the request."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _

CONTENT_TYPE: Final = "application/problem+json"


class Problem(Exception):
    """The request is refused; `code` names the reason for programs, `detail` says it to people."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.headers = errors, headers or {}


def problem_response(problem: Problem) -> HttpResponse:
    """Return a problem as an answer."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = problem.errors
    response = JsonResponse(body, status=problem.status, content_type=CONTENT_TYPE)
    for name, value in problem.headers.items():
        response.headers[name] = value
    return response


def problem_of_status(request: HttpRequest, status: int) -> Problem:
    """Return the problem for an error page that is not one of the API's own."""
    details = {
        400: _("The request could not be read."),
        403: _("You do not have access."),
        404: _("There is nothing at this address."),
        405: _("This address does not take the method %(method)s.") % {"method": request.method},
        408: _("The request took too long to arrive."),
        413: _("The request is too large."),
        503: _("The portal is not available at the moment. Try again in a minute."),
        507: _("The portal cannot store anything at the moment."),
    }
    usual = _("The portal could not answer the request.")
    return Problem(status, HTTPStatus(status).name.lower(), details.get(status, usual))
