"""Type-ahead: suggestions under a field while typing."""

from typing import Final

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from keys.models import Key
from usage.queries.access import PageAccess
from usage.queries.scope import people_like
from usage.views.common import require
from web.request import PortalRequest

MAX_OPTIONS: Final = 12
MAX_QUERY_LENGTH: Final = 60


@require_safe
def people(request: PortalRequest) -> HttpResponse:
    """Return the people whose names contain the typed text."""
    require(request.user, _sees_everyone)
    found = people_like(_typed(request, "person")).order_by("username")[:MAX_OPTIONS]
    options = [(person.username, person.display_name) for person in found]
    return render(request, "usage/_options.html", {"options": options})


@require_safe
def keys(request: PortalRequest) -> HttpResponse:
    """Return the labels that contain the typed text, each once."""
    require(request.user, _sees_everyone)
    found = Key.objects.filter(label__icontains=_typed(request, "key")).order_by("label")
    labels = found.values_list("label", flat=True).distinct()[:MAX_OPTIONS]
    return render(request, "usage/_options.html", {"options": [(label, "") for label in labels]})


def _sees_everyone(access: PageAccess) -> bool:
    return access.sees_everyone


def _typed(request: PortalRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\0", "").strip()[:MAX_QUERY_LENGTH]
