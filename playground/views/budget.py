"""What is left on the person's Playground key, as the gateway says it; asked for by the page, after it is shown."""

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
    """Show the amount; a gateway that does not answer is no error of the page, which says so."""
    try:
        context = {"budget_status": playground_budget(request.user), "silent": False}
    except GatewayError:
        context = {"budget_status": None, "silent": True}
    return render(request, "playground/_budget.html" if request.htmx else "playground/budget.html", context)
