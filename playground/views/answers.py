"""The stream of an answer, which its page can open again, and the way to stop it."""

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from gateway.errors import GatewayError, GatewayUnavailable
from keys.services import KeyRefused
from playground.errors.classify import AnswerError, answer_error_of
from playground.models import Answer, Conversation
from playground.services import chat, columns
from playground.services.handover import take_over
from playground.services.refusals import AskRefused
from playground.services.stopping import stop_answers
from playground.views import compare_columns, completion
from playground.views.chat import stream_view
from playground.views.common import chat_context_of, own_answer
from playground.views.streams import StreamView, streamed
from web.files import StorageUnavailable
from web.redirects import with_next
from web.request import PortalRequest
from web.streams import streaming_view

AGAIN_S: Final = {
    "streams": 1,
    "full": 5,
    "minute": 5,
}  # refusals that end by themselves
Kind = Conversation.Kind


@streaming_view
@require_GET  # not HEAD: the first request for the stream starts the answer
@never_cache
def stream(request: PortalRequest, answer_id: UUID) -> HttpResponseBase:
    """Stream an answer: a waiting one starts, a running one is rejoined, an ended one is sent at once."""
    prepared = take_over(request.user, answer_id)
    answer, job = prepared.answer if prepared else own_answer(request, answer_id), None
    if answer.state == Answer.State.WAITING:
        try:
            job = chat.begin(prepared or chat.prepare(chat_context_of(request), answer))
        except (AskRefused, KeyRefused) as refusal:
            if refusal.code != "begun":
                return _not_now(request, answer, refusal)
            answer = own_answer(request, answer_id)  # another page has started it, or it was stopped or deleted
        except StorageUnavailable:
            columns.fail(answer, AnswerError(code="images_unavailable", free=True))
        except GatewayError as error:
            is_down = isinstance(error, GatewayUnavailable)  # the call about the key, before any model
            columns.fail(
                answer, AnswerError(code="gateway_down", free=True) if is_down else answer_error_of(error, begun=False)
            )
    return streamed(request, answer, job, _view_of(request, answer, is_alone=bool(prepared and prepared.is_alone)))


@require_POST
@never_cache
def stop_answer(request: PortalRequest, answer_id: UUID) -> HttpResponse:
    """Stop an answer; its stream informs its pages."""
    answer = own_answer(request, answer_id)
    stop_answers([answer])
    if request.htmx or request.headers.get("Accept") == "*/*":
        return HttpResponse(status=204)
    return redirect(_view_of(request, answer).page)


def _view_of(request: PortalRequest, answer: Answer, *, is_alone: bool = False) -> StreamView:
    """Return how an answer is shown on the page of its conversation."""
    kind = answer.message.conversation.kind
    if kind == Kind.COMPARE:
        return compare_columns.stream_view(request, answer)
    if kind == Kind.COMPLETION:
        return completion.stream_view(request, answer)
    return stream_view(request, answer, is_alone=is_alone)


def _not_now(request: PortalRequest, answer: Answer, refusal: AskRefused | KeyRefused) -> HttpResponse:
    """Say why an answer has not started; if that ends by itself its page tries again."""
    view = _view_of(request, answer)
    terms = with_next(reverse("notices:terms"), view.page) if refusal.code == "terms" else ""
    again_s = AGAIN_S.get(refusal.code)
    if not request.htmx:
        messages.warning(request, str(refusal))
        return redirect(terms or view.page)
    if again_s:
        columns.wait_on(answer)
    sentence = "" if refusal.code == "streams" else str(refusal)
    if terms:
        sentence = format_html('{} <a href="{}">{}</a>', sentence, terms, _("Read and accept the terms of use"))
    return view.waiting(sentence, again_s)
