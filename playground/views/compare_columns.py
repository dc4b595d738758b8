"""The columns of a comparison: each has its own stream, its own figures and its own end."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from playground.errors.problems import problem_of
from playground.listing import address_of
from playground.models import Answer, Conversation
from playground.services import chat, columns
from playground.services.columns import Column, columns_with
from playground.services.refusals import AskRefused
from playground.views.code import show_code
from playground.views.common import rendered_answers, status_of
from playground.views.compare import PAGE, comparison_context
from playground.views.streams import StreamView, to_stream
from web.event_stream import partial
from web.files import StorageUnavailable
from web.request import PortalRequest


@require_safe
@never_cache
def column(request: PortalRequest, answer_id: UUID) -> HttpResponse:
    """Show a column in its present state; the page polls it while it is running."""
    answer = _own_answer(request, answer_id)
    if not request.htmx:
        return redirect(address_of(answer.message.conversation))
    return HttpResponse(_column(request, answer))


@require_POST
@never_cache
def again(request: PortalRequest, answer_id: UUID) -> HttpResponseBase:
    """Add another answer of the same model to the column."""
    earlier = _own_answer(request, answer_id)
    problem = problem_of(earlier)
    refused = problem.parameter if problem else ""
    try:
        answer = columns.again(request.user, earlier, without=refused if request.POST.get("without") == refused else "")
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


@require_safe
@never_cache
def column_code(request: PortalRequest, answer_id: UUID) -> HttpResponse:
    """Show the request of this column, as code."""
    answer = _own_answer(request, answer_id)
    body = chat.body_of(answer.message.conversation, answer)
    return show_code(request, "chat", body.as_json(), back=address_of(answer.message.conversation))


def _own_answer(request: PortalRequest, answer_id: UUID) -> Answer:
    own = Answer.objects.owned_by(request.user)
    return get_object_or_404(own, pk=answer_id, message__conversation__kind=Conversation.Kind.COMPARE)


def _column(request: PortalRequest, answer: Answer, **more: object) -> SafeString:
    """Return a column with its rank among the others."""
    known = (each for each in columns_with(answer) if each.answer.pk == answer.pk)
    column = next(known, Column(answer=answer))
    return _drawn(
        request, "playground/_column.html", {"column": column, "rendered": rendered_answers([column.answer]), **more}
    )


def stream_view(request: PortalRequest, answer: Answer) -> StreamView:
    """Return how a column looks when its stream begins and ends; the best may change with each end."""
    conversation = answer.message.conversation

    def article(shown: Answer, stays: bool = False) -> SafeString:
        rendered = None if stays else rendered_answers([shown])
        context = {"column": Column(answer=shown), "rendered": rendered, "stays": stays}
        return _drawn(request, "playground/_alert.html", context)

    def marks() -> str:
        drawn = [(each, _drawn(request, "playground/_marks.html", {"column": each})) for each in columns_with(answer)]
        return "".join(partial(f"marks-{each.answer.pk}", html) for each, html in drawn)

    return StreamView(
        first=lambda: partial(f"answer-{answer.pk}", article(answer)),
        article=article,
        waiting=lambda alert, again_s: HttpResponse(_column(request, answer, sentence=alert, again_s=again_s)),
        page=address_of(conversation),
        extra=marks,
    )


def _drawn(request: PortalRequest, template: str, context: dict[str, Any]) -> SafeString:
    return render_to_string(template, context, request)


def _not_again(request: PortalRequest, earlier: Answer, refusal: AskRefused) -> HttpResponse:
    """Say why there is no other answer."""
    if not request.htmx:
        return _as_it_stands(request, earlier, alert=str(refusal))
    return HttpResponse(_column(request, earlier, sentence=str(refusal)), status=status_of(refusal))


def _not_gone_on(request: PortalRequest, answer: Answer, sentence: str, status: int) -> HttpResponse:
    """Show the comparison, with why no chat began."""
    context = {**comparison_context(request, answer.message.conversation), "sentence": sentence}
    return render(request, PAGE, context, status=status)


def _as_it_stands(request: PortalRequest, answer: Answer, *, alert: str = "") -> HttpResponse:
    if request.htmx:
        return HttpResponse(_column(request, answer))
    if alert:
        messages.warning(request, alert)
    return redirect(address_of(answer.message.conversation))
