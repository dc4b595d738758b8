"""The person's favourite models."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from keys.models import GatewayModel
from playground.listing import address_of
from playground.services.favourites import toggle_favourite
from playground.views.common import named_conversation
from web.request import PortalRequest


@require_POST
def favourite(request: PortalRequest) -> HttpResponse:
    """Add the chosen model to the person's favourites, or remove it; scripts get which of both, as text."""
    model = get_object_or_404(GatewayModel, name=request.POST.get("model", "").replace("\0", ""))
    is_favourite = toggle_favourite(request.user, model.name)
    if request.headers.get("Accept") == "text/plain":
        return HttpResponse("yes" if is_favourite else "no", content_type="text/plain")
    conversation = named_conversation(request)
    return redirect(address_of(conversation) if conversation else "playground:index")
