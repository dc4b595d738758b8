"""A shared conversation, for everybody who is signed in and has its link. Nobody is recorded as having opened it."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_POST, require_safe

from playground.models import Attachment, Share
from playground.services import sharing
from playground.services.copying import copy_turns
from playground.services.refusals import AskRefused
from playground.views.common import named_message, status_of, turns_context
from playground.views.files import as_sent
from playground.views.images import drawn
from web.files import StorageUnavailable
from web.request import PortalRequest


@require_safe
@never_cache
@gzip_page
def shared(request: PortalRequest, token: str) -> HttpResponseBase:
    """Show the last of the shared turns, or all from the message `from` on; or say that the link has ended."""
    found = sharing.find_share(token)
    if found is None:
        return render(request, "playground/no_share.html", status=404)
    return _page(request, token, found)


def _page(request: PortalRequest, token: str, found: Share, *, sentence: str = "", status: int = 200) -> HttpResponse:
    page = sharing.shared_page(found, start=named_message(request, "from"))
    context = {
        "share": found,
        "share_token": token,
        "is_own": found.conversation.owner_id == request.user.pk,
        "sentence": sentence,
        **turns_context(page),
    }
    return render(request, "playground/shared.html", context, status=status)


@require_POST
@never_cache
def copy_shared(request: PortalRequest, token: str) -> HttpResponse:
    """Copy the shared turns into a conversation of the reader's."""
    found = _share(token)
    try:
        copy = copy_turns(request.user, sharing.shared_turns(found), title=found.conversation.title)
    except StorageUnavailable:
        return _page(request, token, found, sentence=_("Its files cannot be read at the moment."), status=503)
    except AskRefused as refusal:
        return _page(request, token, found, sentence=str(refusal), status=status_of(refusal))
    messages.success(request, _("Copied. This conversation is yours: what you write here nobody else sees."))
    return redirect("playground:conversation", copy.pk)


@require_safe
def shared_image(request: PortalRequest, token: str, image_id: UUID) -> HttpResponse:
    """Return an image of a shared message."""
    return drawn(_attachment(token, image_id), kept=False)


@require_safe
def shared_picture(request: PortalRequest, token: str, image_id: UUID) -> HttpResponse:
    """Return an image that a model generated in a shared answer."""
    found = sharing.shared_picture(_share(token), image_id)
    if found is None:
        raise Http404
    return drawn(found, kept=False)


@require_safe
@never_cache
def shared_file(request: PortalRequest, token: str, file_id: UUID) -> HttpResponse:
    """Show the text of a file of a shared message."""
    found = _file(token, file_id)
    context = {
        "file": found,
        "back": reverse("playground:shared", args=[token]),
        "download": reverse("playground:shared_file_data", args=[token, file_id]),
    }
    return render(request, "playground/file.html", context)


@require_safe
def shared_file_data(request: PortalRequest, token: str, file_id: UUID) -> HttpResponseBase:
    """Return a file of a shared message as it was sent."""
    return as_sent(_file(token, file_id), kept=False)


def _share(token: str) -> Share:
    """Return the live link with this token; 404 if there is none, or its owner has ended it."""
    found = sharing.find_share(token)
    if found is None:
        raise Http404
    return found


def _attachment(token: str, attachment_id: UUID) -> Attachment:
    found = sharing.shared_attachment(_share(token), attachment_id)
    if found is None:
        raise Http404
    return found


def _file(token: str, file_id: UUID) -> Attachment:
    found = _attachment(token, file_id)
    if found.is_image:
        raise Http404
    return found
