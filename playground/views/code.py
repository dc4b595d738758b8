"""View code: the request that the form would send, as a program. Nothing is sent or stored."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.forms import Form
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.policies import policy_of
from keys.models import GatewayModel
from keys.snippets import base_url, filled_tools
from playground.as_code import code_for
from playground.as_code.answers import Kind
from playground.as_code.pictures import in_files
from playground.forms import ChatForm
from playground.models import Answer, Conversation, Message
from playground.services.chat import reads_pdf
from playground.services.payers import Payers
from playground.services.requests import USER, Turn, Upload, attachment_of, chat_request
from playground.services.tree import way_to
from playground.views.common import named_conversation, named_preset, parent_of
from web.pages import render_region
from web.request import PortalRequest

PAGE = "playground/code.html"


@require_POST
@never_cache
def code(request: PortalRequest) -> HttpResponse:
    """Show the present chat form as code; with an empty message, the last one that was sent."""
    conversation = named_conversation(request)
    typed = bool(request.POST.get("message", "").strip() or request.FILES)
    form = ChatForm(
        request.POST,
        request.FILES,
        payers=Payers.of(request.user, policy_of(request.user)),
        conversation=conversation,
        with_message=typed,
        preset=named_preset(request, conversation),
        reader=request.user,
    )
    back = reverse("playground:conversation", args=[conversation.pk]) if conversation else reverse("playground:index")
    if not form.is_valid():
        return no_code(request, form, back=back)
    turns = (
        _turns(parent_of(request, conversation), form) if typed or conversation is None else _last_turns(conversation)
    )
    params = form.params()
    body = chat_request(params, turns, reads_pdf=reads_pdf(params["model"], turns))
    return show_code(request, "chat", body.as_json(), back=back)


def show_code(request: PortalRequest, kind: Kind, body: Mapping[str, Any], *, back: str) -> HttpResponse:
    """Show a request's body as code, in the dialog of the page or on a page with a link to `back`."""
    return show_codes(request, kind, [body], back=back)


def show_codes(request: PortalRequest, kind: Kind, bodies: Sequence[Mapping[str, Any]], *, back: str) -> HttpResponse:
    """Show requests that are sent together as code, each under the name of its model."""
    models = GatewayModel.objects.filter(name__in=[body["model"] for body in bodies])
    context_tokens = dict(models.values_list("name", "max_input_tokens"))
    calls = [
        _call(kind, body, f"-{number}" if number else "", context_tokens.get(body["model"]))
        for number, body in enumerate(bodies)
    ]
    return render_region(request, PAGE, "snippets", {"calls": calls, "back": back})


def _call(kind: Kind, body: Mapping[str, Any], suffix: str, context_tokens: int | None) -> dict[str, Any]:
    """Return what the template shows of one request; `suffix` makes the ids unique."""
    body = {name: value for name, value in body.items() if name != USER}  # a program's own key identifies it
    model = body["model"]
    return {
        "model": model,
        "snippets": code_for(kind, body),
        "files": [picture.file for picture in in_files(body)[1]],
        "tools": filled_tools(url=base_url(), model=model, context_tokens=context_tokens) if kind == "chat" else None,
        "code_prefix": f"as-code{suffix}",
        "tool_prefix": f"tool{suffix}",
    }


def no_code(request: PortalRequest, form: Form, *, back: str) -> HttpResponse:
    """Say why the form cannot be sent."""
    return render_region(request, PAGE, "snippets", {"form": form, "back": back}, status=422)


def _turns(parent: Answer | None, form: ChatForm) -> Sequence[Turn]:
    """Return the conversation with the typed text at its end; an empty form begins with a greeting."""
    text = form.cleaned_data.get("message", _("Say hello in one sentence."))
    before: Sequence[Turn] = way_to(parent) if parent else []
    return [*before, (unsaved(text, form.uploads(), name=form.message_name), None)]


def _last_turns(conversation: Conversation) -> Sequence[Turn]:
    if conversation.head is None:
        raise Http404
    *before, (message, _answer) = way_to(conversation.head)
    return [*before, (message, None)]


def unsaved(text: str, uploads: Sequence[Upload], *, name: str = "") -> Message:
    """Return a message as it would be sent."""
    message = Message(name=name, text=text)
    message.sent_files = [attachment_of(upload, message, position) for position, upload in enumerate(uploads)]
    return message
