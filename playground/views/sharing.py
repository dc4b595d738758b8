"""Sharing of conversations, for their owner: make a link, list and end links."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from keys.services import TooManyActions, count_action
from playground.forms.sharing import ShareForm
from playground.listing import address_of
from playground.models import Conversation, Share
from playground.services import sharing
from web.request import PortalRequest


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def share(request: PortalRequest, conversation_id: UUID) -> HttpResponse:
    """Show what a link would show, and the links of the conversation; on POST, make one."""
    conversation = get_object_or_404(
        Conversation.objects.owned_by(request.user), pk=conversation_id, kind=Conversation.Kind.CHAT
    )
    form = ShareForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound:
        status = _make(request, conversation, form)
        if status == 201:
            return redirect("playground:share", conversation.pk)
    own = [each for each in sharing.shares_of(request.user) if each.conversation_id == conversation.pk]
    context = {
        "conversation": conversation,
        "address": address_of(conversation),
        "form": form,
        "links": _links(request, own),
    }
    return render(request, "playground/share.html", context, status=status)


def _make(request: PortalRequest, conversation: Conversation, form: ShareForm) -> int:
    """Make a link as the form says; return the status, with the error in the form."""
    if not form.is_valid():
        return 422
    try:
        count_action(request.user, "playground:share")
        sharing.share(conversation, **form.cleaned_data)
    except TooManyActions as refusal:
        form.add_error(None, str(refusal))
        return 429
    except sharing.ShareRefused as refusal:
        form.add_error(None, str(refusal))
        return 409
    except Conversation.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, _("The conversation is shared. Send the link to your colleagues."))
    return 201


@require_safe
@never_cache
def shares(request: PortalRequest) -> HttpResponse:
    """List the links of the person."""
    links = _links(request, sharing.shares_of(request.user))
    return render(request, "playground/shares.html", {"links": links})


@require_POST
def end_share(request: PortalRequest, share_id: UUID) -> HttpResponse:
    """End a link: from now on it is not found."""
    own = get_object_or_404(Share.objects.owned_by(request.user), pk=share_id)
    own.delete()
    messages.success(request, _("The link has ended."))
    if "list" in request.POST:
        return redirect("playground:shares")
    return redirect("playground:share", own.conversation_id)


def _links(request: PortalRequest, own: list[Share]) -> list[tuple[Share, str]]:
    """Return each with its address, which is empty if it cannot be shown again."""
    tokens = [(each, sharing.token_of(each)) for each in own]
    return [
        (each, request.build_absolute_uri(reverse("playground:shared", args=[token])) if token else "")
        for each, token in tokens
    ]
