"""What is left on the person's Playground key, as the gateway says it; asked for by the page, after it is shown."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from gateway.errors import GatewayError
from keys.services import playground_purse
from web.request import PortalRequest


@require_safe
@never_cache
def purse(request: PortalRequest) -> HttpResponse:
    """Tell the amount; a gateway that does not answer is said so, and is no error of the page."""
    try:
        told = playground_purse(request.user)
        context = {"purse": told, "silent": False}
    except GatewayError:
        context = {"purse": None, "silent": True}
    return render(request, "playground/_purse.html" if request.htmx else "playground/purse.html", context)
