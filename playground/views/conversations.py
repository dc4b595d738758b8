"""A person's conversations: the list, rename, save or make temporary, delete."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from playground.forms.title import TitleForm
from playground.listing import address_of, conversations_of
from playground.models import Conversation
from playground.services import turns as services
from playground.views.common import own_conversation
from web.pages import render_region
from web.request import PortalRequest

UNDER_WAY = gettext_lazy("An answer is being written there. Stop it, or wait until it is finished; then delete.")


@require_safe
def conversations(request: PortalRequest) -> HttpResponse:
    """List the person's conversations, those with `q` in title or text."""
    context = {"found": conversations_of(request.user, request.GET.get("q", ""))}
    return render_region(request, "playground/conversations.html", "found", context)


@require_http_methods(["GET", "HEAD", "POST"])
def rename(request: PortalRequest, conversation_id: UUID) -> HttpResponse:
    """Show the form for another name; on POST, change it."""
    conversation = own_conversation(request, conversation_id)
    form = TitleForm(request.POST if request.method == "POST" else None, initial={"title": conversation.title})
    if form.is_valid():
        services.rename_conversation(conversation, form.cleaned_data["title"])
        messages.success(request, _("Renamed to “%(title)s”.") % {"title": conversation.title})
        return _back(conversation)
    context = {"conversation": conversation, "address": address_of(conversation), "form": form}
    return render(request, "playground/rename.html", context, status=422 if form.is_bound else 200)


@require_POST
def keep(request: PortalRequest, conversation_id: UUID) -> HttpResponse:
    """Save the conversation (`kept` is yes), or make it temporary (no)."""
    conversation = own_conversation(request, conversation_id)
    kept = request.POST.get("kept", "")
    if kept not in ("yes", "no"):
        return HttpResponseBadRequest()
    services.keep_conversation(conversation, kept=kept == "yes")
    messages.success(request, _said_of(conversation))
    return _back(conversation)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PortalRequest, conversation_id: UUID) -> HttpResponse:
    """Ask for a confirmation that names the conversation; on POST, delete it."""
    conversation = own_conversation(request, conversation_id)
    if request.method != "POST":
        return _ask(request, conversation)
    try:
        services.delete_conversation(conversation)
    except services.UnderWay:
        return _ask(request, conversation, alert=str(UNDER_WAY), status=409)
    messages.success(request, _("Deleted: “%(title)s”.") % {"title": conversation.title})
    return redirect("playground:index")


def _ask(request: PortalRequest, conversation: Conversation, *, alert: str = "", status: int = 200) -> HttpResponse:
    context = {"conversation": conversation, "address": address_of(conversation), "alert": alert}
    return render(request, "playground/delete.html", context, status=status)


def _back(conversation: Conversation) -> HttpResponse:
    return redirect(address_of(conversation))


def _said_of(conversation: Conversation) -> str:
    if conversation.kept:
        return _("Kept: it is in your list, for %(days)d days after you last use it.") % {
            "days": settings.PLAYGROUND_RETENTION_DAYS
        }
    return _("Not kept: it is in no list, and deleted %(hours)d h after you last use it.") % {
        "hours": settings.PLAYGROUND_TEMPORARY_HOURS
    }
