"""The chat: its page, and the forms whose answers are then streamed."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.policies import policy_of
from keys.models import GatewayModel
from keys.services import KeyRefused, playground_limits
from playground.errors.cards import card_of
from playground.errors.classify import AnswerError
from playground.forms import BoxForm, ChatForm
from playground.forms.edit import EditForm
from playground.listing import address_of
from playground.models import Answer, Conversation, Message
from playground.services import chat
from playground.services.chat import ChatContext, NewMessage
from playground.services.payers import OWN, Payers
from playground.services.refusals import AskRefused
from playground.services.requests import Upload
from playground.services.tree import Shown, only_turn, turn_of, turns_before, turns_page
from playground.views.common import (
    REFUSALS,
    chat_context_of,
    chat_only,
    named_conversation,
    named_message,
    named_preset,
    own_answer,
    own_conversation,
    page_context,
    parent_of,
    refused,
    rendered_answers,
    turns_context,
)
from playground.views.streams import AGAIN_S, StreamView, to_stream
from web.event_stream import partial
from web.request import PortalRequest

PAGE = "playground/index.html"  # compressed: it has no secret, and attacks by size (BREACH) get no cookies
Page = Callable[[], dict[str, Any]]  # the context of the page


@require_safe
@never_cache
@gzip_page
def index(request: PortalRequest) -> HttpResponseBase:
    """Show an empty conversation, prefilled by the query if there is one; nothing is sent before Send."""
    payer = request.GET.get("payer", "")
    return render(request, PAGE, page_context(request, None, payer="" if payer == OWN else payer))


@require_safe
@never_cache
@gzip_page
def conversation(request: PortalRequest, conversation_id: UUID) -> HttpResponseBase:
    """Show the end of a conversation, or all of it from the message `from`; to htmx only the turns before `before`.

    If that message was deleted meanwhile, htmx gets the page, which replaces the outdated one.
    """
    conversation = own_conversation(request, conversation_id)
    if conversation.kind != Conversation.Kind.CHAT:
        return redirect(address_of(conversation))
    before = named_message(request, "before")
    if request.htmx and before and (page := turns_before(conversation, before)):
        context = {"conversation": conversation, **turns_context(page)}
        return render(request, "playground/_turns.html", context)
    return render(request, PAGE, page_context(request, conversation, start=named_message(request, "from")))


@require_safe
@never_cache
def answer(request: PortalRequest, answer_id: UUID) -> HttpResponseBase:
    """Show one answer in its present state; the page polls it while it is running."""
    return HttpResponse(_article(request, turn_of(own_answer(request, answer_id)), again_s=AGAIN_S))


@require_POST
@never_cache
def send(request: PortalRequest) -> HttpResponseBase:
    """Send a message, in a conversation or a new one."""
    conversation, context = named_conversation(request), chat_context_of(request)
    chat_only(conversation)
    preset, payers = named_preset(request, conversation), Payers.of(context.user, context.allowance)
    form = ChatForm(
        request.POST, request.FILES, payers=payers, conversation=conversation, preset=preset, reader=request.user
    )
    if not form.is_valid():
        return _wrong(request, form, _page(request, conversation, form))
    question = NewMessage(
        text=form.cleaned_data["message"],
        name=form.message_name,
        params=form.params(),
        uploads=form.uploads(),
        conversation=conversation,
        parent=parent_of(request, conversation),
        kept="unkept" not in request.POST,
        preset=preset,
    )
    page, whole = _page(request, conversation, form), not question.goes_on
    paid = replace(context, paid_by=form.paid_by)
    return _answered(request, page, lambda: chat.ask(paid, question), whole=whole)


@require_POST
@never_cache
def retry(request: PortalRequest, answer_id: UUID) -> HttpResponseBase:
    """Retry with the model and the parameters that are now in the form."""
    earlier, context = own_answer(request, answer_id), chat_context_of(request)
    conversation = earlier.message.conversation
    chat_only(conversation)
    form = _settings(request, conversation, context, model=request.POST.get("ask"))
    page = _page(request, conversation, form)
    if form and not form.is_valid():
        return _wrong(request, form, page)
    params = form.params() if form else earlier.params
    paid = _paid(context, conversation, form)
    return _answered(request, page, lambda: chat.retry(paid, earlier, params))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def edit(request: PortalRequest, message_id: UUID) -> HttpResponseBase:
    """Edit a message and send it again; the first wording and its answers stay as alternatives."""
    own = Message.objects.filter(conversation__owner=request.user).select_related("conversation__parameters")
    message = get_object_or_404(own, pk=message_id)
    chat_only(message.conversation)
    if request.method == "POST":
        return _edited(request, message)
    if request.htmx:
        return render(request, "playground/_edit.html", {"message": message})
    return render(
        request, PAGE, {**page_context(request, message.conversation, start=message.pk), "editing": message.pk}
    )


def _edited(request: PortalRequest, message: Message) -> HttpResponseBase:
    conversation, context, words = message.conversation, chat_context_of(request), request.POST.get("edited", "")
    uploads = _uploads_of(message)
    form = _settings(request, conversation, context, carried=uploads)
    page = _page(request, conversation, form, editing=message.pk, edited=words)
    wording = EditForm({"text": words})
    if not wording.is_valid():
        return refused(request, AskRefused("wording", str(wording.errors["text"][0])), page)
    if form and not form.is_valid():
        return _wrong(request, form, page)
    question = NewMessage(
        text=wording.cleaned_data["text"],
        name=form.message_name if form else message.name,
        params=form.params() if form else conversation.params,
        uploads=uploads,
        conversation=conversation,
        parent=message.parent,
    )
    paid = _paid(context, conversation, form)
    return _answered(request, page, lambda: chat.ask(paid, question))


def _paid(context: ChatContext, conversation: Conversation, form: ChatForm | None) -> ChatContext:
    """Return the context with the payer of the form, or that of the conversation where no settings were sent."""
    return replace(context, paid_by=form.paid_by if form else conversation.paid_by)


def _uploads_of(message: Message) -> list[Upload]:
    """Return the files of a message, for its new wording; not those whose data are missing."""
    uploads = []
    for file in message.sent_files:
        with suppress(FileNotFoundError):
            uploads.append(
                Upload(name=file.name, media_type=file.media_type, data=file.data, text=file.text, pages=file.pages)
            )
    return uploads


def _settings(
    request: PortalRequest,
    conversation: Conversation,
    context: ChatContext,
    *,
    model: str | None = None,
    carried: Sequence[Upload] = (),
) -> ChatForm | None:
    """Return the settings on the page, or with another model, or the locked ones; None if none were sent."""
    data = request.POST.copy()
    if model:
        data["model"] = model
    if "model" not in data and not conversation.locked_preset:
        return None
    payers = Payers.of(context.user, context.allowance)
    return ChatForm(data, payers=payers, conversation=conversation, with_message=False, carried=carried)


# --- Answers to forms -------------------------------------------------------------------------------
def _page(
    request: PortalRequest,
    conversation: Conversation | None,
    form: ChatForm | None,
    *,
    editing: UUID | None = None,
    **more: object,
) -> Page:
    """Return the context that shows the page again with the submitted form."""

    def context() -> dict[str, Any]:
        again = page_context(request, conversation, form=form and _with_box(form), start=editing)
        return {**again, "editing": editing, **more}

    return context


def _with_box(form: ChatForm) -> ChatForm:
    """Return the form with a message box, if only its settings were read."""
    if "message" in form.fields:
        return form
    whole = ChatForm(form.data, payers=form.payers, conversation=form.conversation, carried=form.carried)
    whole.errors.pop("message", None)  # an empty message is no error here
    return whole


def _answered(request: PortalRequest, page: Page, ask: Callable[[], Answer], *, whole: bool = True) -> HttpResponseBase:
    """Save it, and respond with the place of the answer, which opens its stream; or say why not."""
    try:
        answer = ask()
    except REFUSALS as refusal:
        return refused(request, refusal, page)
    return HttpResponse(_place_of(request, answer, whole=whole)) if request.htmx else to_stream(answer)


def _wrong(request: PortalRequest, form: ChatForm, page: Page) -> HttpResponseBase:
    """Show errors at their fields; typed text stays. A person without models sees only that."""
    if not form.models:
        try:
            playground_limits(policy_of(request.user))
        except KeyRefused as refusal:
            return refused(request, refusal, lambda: page_context(request, form.conversation))
    if not request.htmx:
        return render(request, PAGE, page(), status=422)
    context = {"conversation": form.conversation, "form": form, "models": form.models.values()}
    return render(request, "playground/_refused.html", context, status=422)


def _place_of(request: PortalRequest, answer: Answer, *, whole: bool) -> str:
    """Return what is added to the page: all turns (`whole`), or a new one; and an empty box."""
    shown = turn_of(answer) if whole else only_turn(answer)
    conversation = answer.message.conversation
    form = BoxForm(initial={"without": answer.params.get("without", [])})
    context = {"conversation": conversation, "form": form, "shown": shown}
    if whole:
        shown_now = {**context, **turns_context(turns_page(conversation))}
        turns = _render(request, "playground/_turns.html", shown_now)
        parts = [partial("playground-turns", turns, swap="innerHTML")]
    else:
        turn = _render(request, "playground/_turn.html", context)
        parts = [partial("playground-turns", turn, swap="beforeend")]
    if shown.message.parent_id is None:
        parts.append(partial("playground-head", _render(request, f"{PAGE}#head", context)))
    return "".join([*parts, partial("playground-box", _render(request, f"{PAGE}#box", context))])


def stream_view(request: PortalRequest, answer: Answer, *, is_alone: bool = False) -> StreamView:
    """Return how an answer of the chat looks at the end of its stream; `is_alone`: it has no alternatives."""

    def article(ended: Answer, stays: bool = False, **more: object) -> SafeString:
        shown = only_turn(answer) if is_alone else turn_of(answer)
        return _article(request, replace(shown, answer=ended), stays=stays, **more)

    return StreamView(
        article=article,
        waiting=lambda sentence, again_s: HttpResponse(article(answer, sentence=sentence, again_s=again_s)),
        page=reverse("playground:conversation", args=[answer.message.conversation_id]),
    )


def _article(request: PortalRequest, shown: Shown, **more: object) -> SafeString:
    """Return an answer's article, with another model to try if this one has failed."""
    rendered = None if more.get("stays") else rendered_answers([shown.answer])
    models = _other_models(request, shown.answer)
    context = {"shown": shown, "answer": shown.answer, "models": models, "rendered": rendered, **more}
    return _render(request, "playground/_answer.html", context)


def _other_models(request: PortalRequest, answer: Answer) -> Sequence[GatewayModel]:
    """Return other models than the failed one; none while the database is unavailable."""
    problem = AnswerError.from_json(answer.problem) if answer.problem else None
    if answer.message.conversation.locked_preset:
        return ()
    if problem is None or problem.unsaved or not card_of(problem).ask_other:
        return ()
    payers = Payers.of(request.user, policy_of(request.user))
    return payers.models_of(payers.usual(answer.message.conversation.paid_by_id))


def _render(request: PortalRequest, template: str, context: dict[str, Any]) -> SafeString:
    return render_to_string(template, context, request)
