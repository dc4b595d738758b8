"""Pages of playground."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from web.request import PortalRequest


@require_safe
def index(request: PortalRequest) -> HttpResponse:
    """Say that this page is coming, and what to use until then."""
    return render(request, "playground/soon.html")
