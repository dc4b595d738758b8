"""What distinguishes requests to the API: no cookie counts, and every error is a problem in JSON."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import get_conditional_response, set_response_etag

from api.problems import CONTENT_TYPE, problem_of_status, problem_response
from web.addresses import path_within

PREFIX: Final = "/api/v1/"
KEPT_HEADERS: Final = ("Allow", "Retry-After", "WWW-Authenticate")


def api_requests(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Drop the cookies of requests to the API, so that no browser acts for a person; make errors problems.

    Answers to GET have an ETag, and are empty (304) for a client that has them already.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if not path_within(request).startswith(PREFIX):
            return get_response(request)
        request.META.pop("HTTP_COOKIE", None)
        request.COOKIES = {}
        response = get_response(request)
        if response.status_code >= 400 and response.headers.get("Content-Type") != CONTENT_TYPE:
            response = _as_problem(request, response)
        response.headers["Cache-Control"] = "private, no-cache" if request.method == "GET" else "no-store"
        if request.method == "GET" and response.status_code == 200 and not response.streaming:
            if "ETag" not in response.headers:
                set_response_etag(response)
            response = get_conditional_response(request, response.headers["ETag"], None, response) or response
        for name, value in getattr(request, "rate_limit_headers", {}).items():
            response.headers.setdefault(name, value)
        return response

    return middleware


def _as_problem(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return an error page as a problem, in the language that the request asks for."""
    with translation.override(translation.get_language_from_request(request)):
        problem = problem_response(problem_of_status(request, response.status_code))
    for name in KEPT_HEADERS:
        if name in response.headers:
            problem.headers[name] = response.headers[name]
    return problem
