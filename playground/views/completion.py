"""Completion of a text, for models without chat."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.policies import policy_of
from keys.catalogue import CHAT_MODES
from keys.models import GatewayModel
from playground.forms import AskForm
from playground.models import Answer, Conversation
from playground.services import chat
from playground.services.chat import NewMessage
from playground.services.requests import completion_request
from playground.views.code import no_code, show_code
from playground.views.common import REFUSALS, Refusal, chat_context_of, models_of, sentence_of, status_of
from playground.views.streams import AGAIN_S, StreamView, to_stream
from web.event_stream import partial
from web.request import PortalRequest

PAGE = "playground/completion.html"
MODES = ("completion", *CHAT_MODES)
KIND = Conversation.Kind.COMPLETION


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def completion(request: PortalRequest) -> HttpResponseBase:
    """Show the form; on POST, complete the text, or retry an earlier one (`again`)."""
    return _asked(request) if request.method == "POST" else _empty(request)


@gzip_page
def _empty(request: PortalRequest) -> HttpResponse:
    return render(request, PAGE, _page(request, None))


def _asked(request: PortalRequest) -> HttpResponseBase:
    earlier = _own_answer(request, request.POST["again"]) if "again" in request.POST else None
    form = _form(request, with_message=earlier is None)
    if not form.is_valid():
        return _unsent(request, form, status=422)
    try:
        answer = _asked_for(request, form, earlier)
    except REFUSALS as refusal:
        return _refused(request, form, refusal)
    return HttpResponse(_place_of(request, answer)) if request.htmx else to_stream(answer)


@require_safe
@never_cache
@gzip_page
def completed(request: PortalRequest, conversation_id: UUID) -> HttpResponse:
    """Show a text with its completion so far."""
    own = Conversation.objects.owned_by(request.user).filter(kind=KIND).select_related("head__message", "parameters")
    return render(request, PAGE, _page(request, get_object_or_404(own, pk=conversation_id)))


@require_safe
@never_cache
def written(request: PortalRequest, answer_id: UUID) -> HttpResponse:
    """Show the completion in its present state; the page polls it while it is running."""
    answer = _own_answer(request, str(answer_id))
    if not request.htmx:
        return redirect(_address(answer.message.conversation))
    return HttpResponse(_article(request, answer, again_s=AGAIN_S))


@require_POST
@never_cache
def completion_code(request: PortalRequest) -> HttpResponse:
    """Show the form's request, as code."""
    form, back = _form(request), reverse("playground:completion")
    if not form.is_valid():
        return no_code(request, form, back=back)
    body = completion_request(form.params(), form.cleaned_data["message"]).as_json()
    return show_code(request, "completion", body, back=back)


def _own_answer(request: PortalRequest, answer_id: str) -> Answer:
    own = Answer.objects.owned_by(request.user).filter(message__conversation__kind=KIND)
    try:
        return get_object_or_404(own, pk=UUID(answer_id))
    except ValueError:
        return get_object_or_404(own.none())


def _models(request: PortalRequest) -> list[GatewayModel]:
    """Return the models for completion, those made for it first."""
    return sorted(models_of(policy_of(request.user), MODES), key=lambda model: model.mode != "completion")


def _form(request: PortalRequest, *, with_message: bool = True) -> AskForm:
    return AskForm(request.POST, models=_models(request), kind=KIND, with_message=with_message)


def _asked_for(request: PortalRequest, form: AskForm, earlier: Answer | None) -> Answer:
    """Save the question."""
    context = chat_context_of(request)
    if earlier:
        return chat.retry(context, earlier, form.params())
    kept = "unkept" not in request.POST
    return chat.ask(context, NewMessage(text=form.cleaned_data["message"], params=form.params(), kind=KIND, kept=kept))


# --- What is shown ----------------------------------------------------------------------------------
def _page(request: PortalRequest, conversation: Conversation | None, *, form: AskForm | None = None) -> dict[str, Any]:
    models = _models(request)
    answer = conversation.head if conversation else None
    if form is None:
        own = Conversation.objects.owned_by(request.user).filter(kind=KIND).order_by("-used_at")
        last = [] if conversation else own.values_list("model_names", flat=True).first() or []
        params = conversation.params if conversation else {"model": (last or [None])[0]}
        initial = {**AskForm.initial_from(params), "message": answer.message.text if answer else ""}
        form = AskForm(initial=initial, models=models, kind=KIND)
    return {
        "form": form,
        "models": models,
        "conversation": conversation,
        "answer": answer,
        "address": conversation and _address(conversation),
    }


def _place_of(request: PortalRequest, answer: Answer) -> str:
    """Return what is added to the page, which then opens the answer's stream."""
    conversation = answer.message.conversation
    place = format_html(
        '<span id="playground-box" data-address="{}" data-title="{} · Passerelle" hidden></span>',
        _address(conversation),
        conversation.title,
    )
    shown = _article(request, answer)
    return partial("playground-written", shown, swap="innerHTML") + partial("playground-box", place)


def stream_view(request: PortalRequest, answer: Answer) -> StreamView:
    """Return how a completion looks at the end of its stream."""
    return StreamView(
        article=lambda ended, stays: _article(request, ended),
        is_markdown=False,
        waiting=lambda sentence, again_s: HttpResponse(_article(request, answer, sentence=sentence, again_s=again_s)),
        page=_address(answer.message.conversation),
    )


def _article(request: PortalRequest, answer: Answer, **more: object) -> SafeString:
    return render_to_string("playground/_written.html", {"answer": answer, **more}, request)


def _address(conversation: Conversation) -> str:
    return reverse("playground:completed", args=[conversation.pk])


# --- Refusals ---------------------------------------------------------------------------------------
def _refused(request: PortalRequest, form: AskForm, refusal: Refusal) -> HttpResponse:
    refusal_context = {"sentence": sentence_of(refusal), "retry_at": getattr(refusal, "retry_at", None)}
    return _unsent(request, form, status=status_of(refusal), **refusal_context)


def _unsent(request: PortalRequest, form: AskForm, *, status: int, **refusal_context: Any) -> HttpResponse:
    """Say why nothing was sent; typed text stays."""
    template = "playground/_unsent.html" if request.htmx else PAGE
    return render(request, template, {**_page(request, None, form=form), **refusal_context}, status=status)
