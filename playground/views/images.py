"""Images of a conversation, both sent and generated ones."""

from typing import Final, TypeVar
from uuid import UUID

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from playground.models import Attachment, GeneratedImage
from web.request import PortalRequest

# Types that browsers display and do not run; the name is ours, since a person's may be anything.
NAMES: Final = {
    "image/png": "image.png",
    "image/jpeg": "image.jpg",
    "image/gif": "image.gif",
    "image/webp": "image.webp",
}
Response = TypeVar("Response", bound=HttpResponseBase)
KEPT_S: Final = 3600  # by the browser of its owner; an image never changes


@require_safe
def image(request: PortalRequest, image_id: UUID) -> HttpResponse:
    """Return an image of one of the person's conversations."""
    found = get_object_or_404(Attachment, pk=image_id, message__conversation__owner=request.user)
    return drawn(found)


@require_safe
def generated_image(request: PortalRequest, image_id: UUID) -> HttpResponse:
    """Return an image that a model generated in one of the person's conversations."""
    own = GeneratedImage.objects.filter(answer__message__conversation__owner=request.user)
    found = get_object_or_404(own, pk=image_id)
    return drawn(found)


def drawn(found: Attachment | GeneratedImage, *, kept: bool = True) -> HttpResponse:
    """Return the image to be displayed; browsers of others than its owner do not keep it."""
    if found.media_type not in NAMES:
        raise Http404
    try:
        response = HttpResponse(found.data, content_type=found.media_type)
    except FileNotFoundError as error:
        raise Http404 from error
    response["Content-Disposition"] = f'inline; filename="{NAMES[found.media_type]}"'
    return guarded(response, kept=kept)


def guarded(response: Response, *, kept: bool = True) -> Response:
    """Return the response with headers under which a person's file runs nothing, and stays with its owner."""
    response["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = f"private, max-age={KEPT_S}, immutable" if kept else "private, no-store"
    return response
