"""The remaining budget of a person's Playground key, as the gateway reports it; loaded after the page is shown."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from gateway.errors import GatewayError
from keys.services import playground_budget
from web.request import PortalRequest


@require_safe
@never_cache
def budget_status(request: PortalRequest) -> HttpResponse:
    """Show the amount; if the gateway does not answer, the page says so without an error status."""
    try:
        context = {"budget_status": playground_budget(request.user), "silent": False}
    except GatewayError:
        context = {"budget_status": None, "silent": True}
    return render(request, "playground/_budget.html" if request.htmx else "playground/budget.html", context)
