"""One question to several models, side by side: each column has its own stream, its own figures and its own end."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.policies import policy_of
from playground.forms.compare import FEWEST, CompareForm
from playground.models import Answer, Conversation, Message
from playground.services import chat, columns
from playground.services.chat import ChatContext, NewMessage
from playground.services.columns import Column, columns_of
from playground.services.refusals import AskRefused
from playground.services.requests import REFUSABLE, chat_request
from playground.services.stopping import stop_answers
from playground.views.code import no_code, show_code
from playground.views.common import (
    REFUSALS,
    Refusal,
    chat_context_of,
    models_of,
    rendered_answers,
    sentence_of,
    status_of,
)
from playground.views.streams import StreamView, to_stream
from web.event_stream import partial
from web.files import StorageUnavailable
from web.request import PortalRequest

PAGE = "playground/compare.html"
COLUMN = "playground/_column.html"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@gzip_page
def compare(request: PortalRequest) -> HttpResponseBase:
    """Show the form; on POST, save the question with an answer for each model, whose streams the page then opens."""
    context = chat_context_of(request)
    if request.method != "POST":
        return render(request, PAGE, _page(request, None))
    form = CompareForm(request.POST, models=models_of(context.allowance))
    if not form.is_valid():
        return _wrong(request, form)
    try:
        conversation = _begun(context, form, kept="unkept" not in request.POST)
    except REFUSALS as refusal:
        return _refused(request, form, refusal)
    if not request.htmx:
        return redirect("playground:comparison", conversation.pk)
    response = render(request, f"{PAGE}#columns", _columns_context(conversation))
    response.headers["HX-Push-Url"] = _address(conversation)
    return response


@require_safe
@never_cache
@gzip_page
def comparison(request: PortalRequest, conversation_id: UUID) -> HttpResponse:
    """Show a comparison with its text so far."""
    return render(request, PAGE, _page(request, _own_comparison(request, conversation_id)))


@require_safe
@never_cache
def column(request: PortalRequest, answer_id: UUID) -> HttpResponse:
    """Show a column in its present state; the page polls it while it is running."""
    answer = _own_answer(request, answer_id)
    if not request.htmx:
        return redirect(_address(answer.message.conversation))
    return HttpResponse(_column(request, answer))


@require_POST
@never_cache
def again(request: PortalRequest, answer_id: UUID) -> HttpResponseBase:
    """Add another answer of the same model to the column."""
    earlier = _own_answer(request, answer_id)
    without = request.POST.get("without", "")
    try:
        answer = columns.again(request.user, earlier, without=without if without in REFUSABLE else "")
    except AskRefused as refusal:
        return _not_again(request, earlier, refusal)
    return HttpResponse(_column(request, answer)) if request.htmx else to_stream(answer)


@require_POST
@never_cache
def go_on(request: PortalRequest, answer_id: UUID) -> HttpResponse:
    """Begin a chat with this column, and go there."""
    answer = _own_answer(request, answer_id)
    try:
        conversation = columns.go_on_with(request.user, answer)
    except AskRefused as refusal:
        return _not_gone_on(request, answer, str(refusal), status_of(refusal))
    except StorageUnavailable:
        words = _("Files cannot be read or stored at the moment. Nothing was begun: try again in a minute.")
        return _not_gone_on(request, answer, words, 503)
    return redirect("playground:conversation", conversation.pk)


@require_POST
@never_cache
def stop(request: PortalRequest, conversation_id: UUID) -> HttpResponse:
    """Stop all of its answers."""
    conversation = _own_comparison(request, conversation_id)
    stop_answers(Answer.objects.filter(message__conversation=conversation, state__in=Answer.UNDER_WAY))
    return (
        render(request, f"{PAGE}#columns", _columns_context(conversation))
        if request.htmx
        else redirect(_address(conversation))
    )


@require_POST
@never_cache
def compare_code(request: PortalRequest) -> HttpResponse:
    """Show the request to the first of the form's models, as code."""
    form = CompareForm(request.POST, models=models_of(policy_of(request.user)))
    back = reverse("playground:compare")
    if not form.is_valid():
        return no_code(request, form, back=back)
    params = {**form.params(), "model": form.cleaned_data["models"][0]}
    body = chat_request(params, [(Message(text=form.cleaned_data["message"]), None)])
    return show_code(request, "chat", body.as_json(), back=back)


@require_safe
@never_cache
def column_code(request: PortalRequest, answer_id: UUID) -> HttpResponse:
    """Show the request of this column, as code."""
    answer = _own_answer(request, answer_id)
    body = chat.body_of(answer.message.conversation, answer)
    return show_code(request, "chat", body.as_json(), back=_address(answer.message.conversation))


# --- Whose ------------------------------------------------------------------------------------------
def _own_comparison(request: PortalRequest, conversation_id: UUID) -> Conversation:
    own = Conversation.objects.owned_by(request.user).filter(kind=Conversation.Kind.COMPARE)
    return get_object_or_404(own.select_related("parameters"), pk=conversation_id)


def _own_answer(request: PortalRequest, answer_id: UUID) -> Answer:
    own = Answer.objects.owned_by(request.user)
    return get_object_or_404(own, pk=answer_id, message__conversation__kind=Conversation.Kind.COMPARE)


# --- What is shown ----------------------------------------------------------------------------------
def _page(
    request: PortalRequest, conversation: Conversation | None, *, form: CompareForm | None = None
) -> dict[str, Any]:
    models = models_of(policy_of(request.user))
    form = form or CompareForm(initial=_initial(request, conversation, [model.name for model in models]), models=models)
    context = {"form": form, "models": models, "chosen": form["models"].value() or [], "fewest": FEWEST}
    return {**context, **(_columns_context(conversation) if conversation else {})}


def _initial(request: PortalRequest, conversation: Conversation | None, names: list[str]) -> dict[str, Any]:
    """Return the settings of this comparison, or the models of the last one, or the first two."""
    own = Conversation.objects.owned_by(request.user).filter(kind=Conversation.Kind.COMPARE)
    shown = conversation or own.order_by("-used_at").first()
    last = [name for name in shown.model_names if name in names] if shown else []
    chosen = {"models": last or names[:FEWEST]}
    if conversation is None:
        return chosen
    asked = conversation.messages.order_by("created_at").first()
    return {**CompareForm.initial_from(conversation.params), **chosen, "message": asked.text if asked else ""}


def _columns_context(conversation: Conversation) -> dict[str, Any]:
    found = columns_of(conversation)
    rendered = rendered_answers(each.answer for each in found)
    busy = any(each.answer.is_under_way for each in found)
    return {"conversation": conversation, "columns": found, "rendered": rendered, "busy": busy}


def _column(request: PortalRequest, answer: Answer, **more: object) -> SafeString:
    """Return a column with its rank among the others."""
    known = next((each for each in columns_of(answer.message.conversation) if each.answer.pk == answer.pk), None)
    column = known or Column(answer=answer)
    return _drawn(request, COLUMN, {"column": column, "rendered": rendered_answers([column.answer]), **more})


def stream_view(request: PortalRequest, answer: Answer) -> StreamView:
    """Return how a column looks when its stream begins and ends; the best may change with each end."""
    conversation = answer.message.conversation

    def article(shown: Answer, stays: bool = False) -> SafeString:
        rendered = None if stays else rendered_answers([shown])
        context = {"column": Column(answer=shown), "rendered": rendered, "stays": stays}
        return _drawn(request, "playground/_alert.html", context)

    def marks() -> str:
        drawn = [
            (each, _drawn(request, "playground/_marks.html", {"column": each})) for each in columns_of(conversation)
        ]
        return "".join(partial(f"marks-{each.answer.pk}", html) for each, html in drawn)

    return StreamView(
        first=lambda: partial(f"answer-{answer.pk}", article(answer)),
        article=article,
        waiting=lambda alert, again_s: HttpResponse(_column(request, answer, sentence=alert, again_s=again_s)),
        page=_address(conversation),
        extra=marks,
    )


def _drawn(request: PortalRequest, template: str, context: dict[str, Any]) -> SafeString:
    return render_to_string(template, context, request)


def _address(conversation: Conversation) -> str:
    return reverse("playground:comparison", args=[conversation.pk])


# --- Refusals ---------------------------------------------------------------------------------------
def _begun(context: ChatContext, form: CompareForm, *, kept: bool) -> Conversation:
    """Save the question."""
    question = NewMessage(
        text=form.cleaned_data["message"], params=form.params(), kind=Conversation.Kind.COMPARE, kept=kept
    )
    return chat.compare(context, question, form.cleaned_data["models"])[0].message.conversation


def _wrong(request: PortalRequest, form: CompareForm) -> HttpResponse:
    """Show errors at their fields; typed text stays."""
    context = _page(request, None, form=form)
    if not request.htmx:
        return render(request, PAGE, context, status=422)
    return _at_the_form(render(request, "playground/_unsent.html", context, status=422))


def _refused(request: PortalRequest, form: CompareForm, refusal: Refusal) -> HttpResponse:
    refusal_context = {"sentence": sentence_of(refusal), "retry_at": getattr(refusal, "retry_at", None)}
    status = status_of(refusal)
    if not request.htmx:
        return render(request, PAGE, {**_page(request, None, form=form), **refusal_context}, status=status)
    return _at_the_form(render(request, "playground/_unsent.html", refusal_context, status=status))


def _at_the_form(response: HttpResponse) -> HttpResponse:
    """Keep the shown columns: the refusal is shown next to the form."""
    response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#playground-refused", "innerHTML"
    return response


def _not_again(request: PortalRequest, earlier: Answer, refusal: AskRefused) -> HttpResponse:
    """Say why there is no other answer."""
    if not request.htmx:
        return _as_it_stands(request, earlier, alert=str(refusal))
    return HttpResponse(_column(request, earlier, sentence=str(refusal)), status=status_of(refusal))


def _not_gone_on(request: PortalRequest, answer: Answer, sentence: str, status: int) -> HttpResponse:
    """Show the comparison, with why no chat began."""
    context = {**_page(request, answer.message.conversation), "sentence": sentence}
    return render(request, PAGE, context, status=status)


def _as_it_stands(request: PortalRequest, answer: Answer, *, alert: str = "") -> HttpResponse:
    if request.htmx:
        return HttpResponse(_column(request, answer))
    if alert:
        messages.warning(request, alert)
    return redirect(_address(answer.message.conversation))
