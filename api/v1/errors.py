"""Turns what services and the framework raise into problems."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from api.problems import Problem, problem_of_status, problem_response
from gateway.errors import GatewayError
from keys.models import Key
from keys.services import KeyRefused, TooManyActions
from keys.status import promises
from keys.views.actions import in_words
from people.services import GroupRefused

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

MISSING: Final = gettext_lazy("This field is required.")
UNFIT: Final = gettext_lazy("This value is not valid: see the documentation.")


def add_handlers(api: NinjaAPI) -> None:
    """Register the handlers with an API."""
    api.add_exception_handler(Problem, _answer_problem)
    api.add_exception_handler(ValidationError, _answer_invalid)
    api.add_exception_handler(TooManyActions, _answer_too_many)
    api.add_exception_handler(KeyRefused, _answer_refused)
    api.add_exception_handler(GroupRefused, _answer_group_refused)
    api.add_exception_handler(HttpError, _answer_http_error)
    api.add_exception_handler(Http404, partial(_answer_status, status=404))
    api.add_exception_handler(PermissionDenied, partial(_answer_status, status=403))


def _answer_problem(_request: HttpRequest, problem: Any) -> HttpResponse:
    return problem_response(problem)


def _answer_status(request: HttpRequest, _error: Any, *, status: int) -> HttpResponse:
    return problem_response(problem_of_status(request, status))


def _answer_http_error(request: HttpRequest, error: Any) -> HttpResponse:
    """Answer what django-ninja itself refuses: a body that is no JSON."""
    return problem_response(problem_of_status(request, error.status_code))


def _answer_refused(_request: HttpRequest, refusal: Any) -> HttpResponse:
    return problem_response(Problem(409, refusal.code, str(refusal)))


def _answer_group_refused(_request: HttpRequest, refusal: Any) -> HttpResponse:
    return problem_response(Problem(409, "group", str(refusal)))


def _answer_too_many(_request: HttpRequest, refusal: Any) -> HttpResponse:
    headers = {"Retry-After": str(refusal.retry_after_s)}
    return problem_response(Problem(429, "too_many_actions", str(refusal), headers=headers))


def _answer_invalid(_request: HttpRequest, error: Any) -> HttpResponse:
    """Name each field that has the wrong type, or is missing."""
    found = [
        {"field": _field_of(each["loc"]), "message": str(MISSING if each["type"] == "missing" else UNFIT)}
        for each in error.errors
    ]
    return problem_response(invalid(found))


def _field_of(place: tuple[Any, ...]) -> str:
    """Return the name of a field: after "body" and the name of the function's argument, or after "query"."""
    inner = place[2:] if place[0] == "body" else place[1:]
    return ".".join(str(part) for part in inner)


def invalid(errors: list[dict[str, str]]) -> Problem:
    """Return the problem of a request with these mistakes."""
    return Problem(422, "invalid", _("Please correct the request: see “errors”."), errors=errors)


def check_form(form: forms.Form, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the cleaned data of a form of the pages. Raises Problem with its errors.

    `names` are those of the API, by the name in the form, where they differ.
    """
    renamed = {"__all__": "", **(names or {})}
    if form.is_valid():
        return form.cleaned_data
    errors = [
        {"field": renamed.get(name, name), "message": str(message)}
        for name, messages in form.errors.items()
        for message in messages
    ]
    raise invalid(errors)


@contextmanager
def gateway_call(*, nothing: str, unknown: "StrPromise") -> Iterator[None]:
    """Say what a failure of the gateway means, as the pages do (keys.views.acts.in_words)."""
    try:
        yield
    except GatewayError as error:
        words, status = in_words(error, nothing=nothing, unknown=unknown)
        raise Problem(status, "gateway_unavailable" if status == 503 else "gateway_refused", words) from error


@contextmanager
def gateway_deletion(key: Key) -> Iterator[None]:
    """Say that the gateway has not confirmed a deletion, which is irreversible: the sweep finishes it."""
    try:
        yield
    except GatewayError as error:
        words = _("The gateway has not confirmed that “%(label)s” is deleted. %(again)s")
        raise Problem(503, "gateway_unavailable", words % {"label": key.label, **promises()}) from error
