"""The chat: its page, and the forms that are answered by a stream."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from playground.forms import AskForm
from playground.forms.edit import EditForm
from playground.models import Answer, Conversation, Message
from playground.services import asking
from playground.services.asking import Asker, Job, Question
from playground.services.requests import Picture
from playground.services.tree import Shown, only_turn, shown_turns, turn_of
from playground.views.frame import (
    REFUSALS,
    asker_of,
    models_of,
    named_conversation,
    own_answer,
    own_conversation,
    page_context,
    refused,
)
from playground.views.streams import Stage, streamed
from web.event_stream import partial
from web.pages import render_region
from web.request import PortalRequest

PAGE = "playground/index.html"


@require_safe
@never_cache
def index(request: PortalRequest) -> HttpResponseBase:
    """Show an empty conversation, set up by the query where there is one; nothing is sent before Send."""
    return render(request, PAGE, page_context(request, None))


@require_safe
@never_cache
def conversation(request: PortalRequest, conversation_id: UUID) -> HttpResponseBase:
    """Show a conversation with what has come of it so far."""
    return render(request, PAGE, page_context(request, own_conversation(request, conversation_id)))


@require_safe
@never_cache
def answer(request: PortalRequest, answer_id: UUID) -> HttpResponseBase:
    """Show one answer as it stands now; the page asks again while it is under way."""
    turn = turn_of(own_answer(request, answer_id))
    return HttpResponse(_article(request, turn))


@require_POST
@never_cache
def send(request: PortalRequest) -> HttpResponseBase:
    """Ask, in a conversation or a new one."""
    talk, asker = named_conversation(request), asker_of(request)
    form = AskForm(request.POST, request.FILES, models=models_of(asker.allowance), conversation=talk)
    if not form.is_valid():
        return _wrong(request, talk, form)
    question = Question(
        text=form.cleaned_data["message"],
        wishes=form.wishes(),
        pictures=form.pictures(),
        conversation=talk,
        parent=_parent(request, talk),
        kept="unkept" not in request.POST,
    )
    goes_on = talk is None or (question.parent is not None and question.parent.pk == talk.head_id)
    return _answered(request, talk, form, lambda: asking.ask(asker, question), whole=not goes_on)


@require_POST
@never_cache
def retry(request: PortalRequest, answer_id: UUID) -> HttpResponseBase:
    """Ask the same again, with the model and the parameters as they now stand in the form."""
    earlier, asker = own_answer(request, answer_id), asker_of(request)
    talk = earlier.message.conversation
    form = _settings(request, talk, asker)
    if form and not form.is_valid():
        return _wrong(request, talk, form)
    wishes = form.wishes() if form else earlier.wishes
    return _answered(request, talk, form, lambda: asking.retry(asker, earlier, wishes))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def edit(request: PortalRequest, message_id: UUID) -> HttpResponseBase:
    """Change a message and ask again; the first wording and its answers stay as alternatives."""
    own = Message.objects.filter(conversation__owner=request.user).select_related("conversation", "parent")
    message = get_object_or_404(own, pk=message_id)
    talk, asker = message.conversation, asker_of(request)
    wording = EditForm(request.POST or None, initial={"text": message.text})
    if request.method != "POST" or not wording.is_valid():
        context = {"message": message, "conversation": talk, "form": wording}
        return render_region(
            request, "playground/edit.html", "edit", context, status=422 if request.method == "POST" else 200
        )
    form = _settings(request, talk, asker)
    if form and not form.is_valid():
        return _wrong(request, talk, form)
    question = Question(
        text=wording.cleaned_data["text"],
        wishes=form.wishes() if form else talk.wishes,
        pictures=_pictures_of(message),
        conversation=talk,
        parent=message.parent,
    )
    return _answered(request, talk, form, lambda: asking.ask(asker, question))


def _pictures_of(message: Message) -> list[Picture]:
    """Return the pictures of a message, to go with its new wording."""
    return [
        Picture(name=image.name, media_type=image.media_type, data=bytes(image.data)) for image in message.images.all()
    ]


def _parent(request: PortalRequest, talk: Conversation | None) -> Answer | None:
    """Return the answer that the new message follows: the last one that the page showed."""
    if talk is None:
        return None
    told = request.POST.get("parent", "")
    if not told:
        return talk.head
    try:
        return Answer.objects.get(pk=UUID(told), message__conversation=talk)
    except (ValueError, Answer.DoesNotExist) as error:
        raise Http404 from error


def _settings(request: PortalRequest, talk: Conversation, asker: Asker) -> AskForm | None:
    """Return the settings as they stand on the page; without scripts a button sends none, and those before hold."""
    if "model" not in request.POST:
        return None
    return AskForm(request.POST, models=models_of(asker.allowance), conversation=talk, with_message=False)


# --- Answers to forms -------------------------------------------------------------------------------
def _answered(
    request: PortalRequest,
    talk: Conversation | None,
    form: AskForm | None,
    begin: Callable[[], Job],
    *,
    whole: bool = True,
) -> HttpResponseBase:
    """Begin, and answer with the stream; or say why not, beside the form."""
    try:
        job = begin()
    except REFUSALS as refusal:
        context = {} if request.htmx else page_context(request, talk, form=form)
        return refused(request, refusal, context={**context, "conversation": talk, "form": form})
    return streamed(request, job, _stage(request, job, whole=whole))


def _wrong(request: PortalRequest, talk: Conversation | None, form: AskForm) -> HttpResponseBase:
    """Show what is wrong at its field; what was typed stays."""
    if not request.htmx:
        return render(request, PAGE, page_context(request, talk, form=form), status=422)
    context = {"conversation": talk, "form": form, "models": form.models}
    regions = [
        partial("playground-refused", _render(request, "playground/_refused.html", context)),
        partial("playground-parameters", _render(request, "playground/_parameters.html", context)),
    ]
    return HttpResponse("".join(regions), status=422)


def _stage(request: PortalRequest, job: Job, *, whole: bool) -> Stage:
    """Return how a chat's answer enters its page: the talk is drawn anew (`whole`), or goes on at its end."""
    turn = turn_of(job.answer) if whole else only_turn(job.answer)

    def opening() -> str:
        talk = job.conversation
        context = {"conversation": talk, "turns": shown_turns(talk) if whole else [turn], "turn": turn}
        first = turn.message.parent_id is None
        shown = (
            partial("playground-talk", _render(request, f"{PAGE}#talk", context))
            if whole or first
            else partial("playground-talk", _render(request, "playground/_turn.html", context), swap="beforeend")
        )
        return shown + partial("playground-where", _render(request, "playground/_where.html", context))

    def article(answer: Answer) -> str:
        return _article(request, replace(turn, answer=answer))

    return Stage(opening=opening, article=article, page=_address(job.conversation))


def _article(request: PortalRequest, turn: Shown) -> SafeString:
    """Return an answer's article."""
    return _render(request, "playground/_answer.html", {"turn": turn, "answer": turn.answer})


def _render(request: PortalRequest, template: str, context: dict[str, Any]) -> SafeString:
    return render_to_string(template, context, request)


def _address(talk: Conversation) -> str:
    return reverse("playground:conversation", args=[talk.pk])
