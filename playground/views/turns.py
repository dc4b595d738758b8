"""Alternatives and deletion of answers: no model is called here."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from playground.listing import address_of
from playground.models import Answer
from playground.services import turns as services
from playground.services.outline import outline_of
from playground.views.common import chat_only, own_answer, own_conversation, page_context
from playground.views.conversations import UNDER_WAY
from web.pages import render_region
from web.request import PortalRequest


@require_POST
def show(request: PortalRequest, answer_id: UUID) -> HttpResponse:
    """Show the branch through this answer from now on, to its newest leaf."""
    answer = own_answer(request, answer_id)
    chat_only(answer.message.conversation)
    conversation = services.show_answer(answer)
    if not request.htmx:
        return redirect(f"{address_of(conversation)}?from={answer.message_id}#message-{answer.message_id}")
    context = page_context(request, conversation, start=answer.message_id)
    return render_region(request, "playground/index.html", "conversation", context)


@require_safe
@never_cache
def branches(request: PortalRequest, conversation_id: UUID) -> HttpResponse:
    """List where the shown branch has alternatives, and which; each can be shown from there."""
    conversation = own_conversation(request, conversation_id)
    context = {
        "conversation": conversation,
        "places": outline_of(conversation),
        "address": address_of(conversation),
    }
    return render(request, "playground/branches.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def delete_answer(request: PortalRequest, answer_id: UUID) -> HttpResponse:
    """Ask for a confirmation of what is deleted; on POST, delete the answer and its descendants."""
    answer = own_answer(request, answer_id)
    chat_only(answer.message.conversation)
    if request.method != "POST":
        return _ask(request, answer)
    try:
        left = services.delete_answer(answer)
    except services.UnderWay:
        return _ask(request, answer, alert=str(UNDER_WAY), status=409)
    messages.success(request, _("Deleted.") if left else _("Deleted, with the conversation: nothing was left in it."))
    return redirect(address_of(left)) if left else redirect("playground:index")


def _ask(request: PortalRequest, answer: Answer, *, alert: str = "", status: int = 200) -> HttpResponse:
    going = services.what_goes_with(answer)
    context = {"answer": answer, "address": address_of(answer.message.conversation), "going": going, "alert": alert}
    return render(request, "playground/delete_answer.html", context, status=status)
