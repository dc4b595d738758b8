"""Common to all pages of the Playground: the person, the models, and how refusals look."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import actor_of
from accounts.models.group_spend import month_first_day
from accounts.policies import Allowance, policy_of
from courses.models import Preset
from gateway.errors import GatewayError, GatewayUnavailable
from keys.catalogue import CHAT_MODES
from keys.models import GatewayModel, Key
from keys.services import KeyRefused, TooManyActions
from keys.status import group_used_up
from playground import presets
from playground.errors.cards import card_of
from playground.errors.classify import AnswerError
from playground.forms import AskForm, ChatForm
from playground.listing import conversations_of
from playground.models import Answer, Conversation, Share
from playground.rendering import RenderedAnswers, content_of, render_answers
from playground.rendering.pool import rendering_pool
from playground.services.chat import ChatContext
from playground.services.payers import Payers
from playground.services.refusals import AskRefused
from playground.services.tree import TurnsPage, turns_page
from web.request import PortalRequest

Refusal = AskRefused | KeyRefused | GatewayError
REFUSALS = (AskRefused, KeyRefused, GatewayError)
STATUS_OF = {
    "wording": 422,
    "storage": 422,
    "over_budget": 422,
    "gone": 409,
    "preset": 403,
    "image_storage": 503,
}


def chat_context_of(request: PortalRequest) -> ChatContext:
    """Return the context of a message."""
    return ChatContext(user=request.user, actor=actor_of(request), allowance=policy_of(request.user))


def models_of(allowance: Allowance, modes: Sequence[str] = CHAT_MODES) -> list[GatewayModel]:
    """Return the models of these modes that the person can call here, in the gateway's order."""
    rule = allowance.rules[Key.Kind.PLAYGROUND]
    named = rule.models if rule.allowed else ()
    return [
        model for model in GatewayModel.objects.all() if model.mode in modes and (named is None or model.name in named)
    ]


def own_conversation(request: PortalRequest, conversation_id: UUID) -> Conversation:
    """Return the person's conversation; 404 for one of another person."""
    live = Share.objects.live(timezone.now()).filter(conversation=OuterRef("pk"))
    own = Conversation.objects.owned_by(request.user).select_related("parameters").annotate(is_shared=Exists(live))
    return get_object_or_404(own, pk=conversation_id)


def own_answer(request: PortalRequest, answer_id: UUID) -> Answer:
    """Return an answer in one of the person's conversations; 404 for one of another person."""
    return get_object_or_404(Answer.objects.owned_by(request.user), pk=answer_id)


def chat_only(conversation: Conversation | None) -> None:
    """Refuse, with 404, to change a comparison or a completion by the forms of the chat."""
    if conversation and conversation.kind != Conversation.Kind.CHAT:
        raise Http404


def named_message(request: PortalRequest, name: str) -> UUID | None:
    """Return the id of a message that the query names, None if there is none."""
    try:
        return UUID(request.GET[name])
    except (KeyError, ValueError):
        return None


def named_conversation(request: PortalRequest) -> Conversation | None:
    """Return the conversation that a form names, None for a new one."""
    given = request.POST.get("conversation", "")
    if not given:
        return None
    try:
        return own_conversation(request, UUID(given))
    except ValueError as error:
        raise Http404 from error


def named_preset(request: PortalRequest, conversation: Conversation | None) -> Preset | None:
    """Return the locked preset of a course that a form for a new conversation names; 404 if it is not open to them."""
    given = request.POST.get("preset", "")
    if conversation or not given:
        return None
    try:
        preset = get_object_or_404(Preset.objects.open_to(request.user), pk=int(given))
    except ValueError as error:
        raise Http404 from error
    return preset if preset.is_locked else None


def parent_of(request: PortalRequest, conversation: Conversation | None) -> Answer | None:
    """Return the answer that a new message follows: the last one that the page showed."""
    given = conversation and (request.POST.get("parent") or conversation.head_id)
    if conversation is None or not given:
        return None
    own = Answer.objects.owned_by(request.user).select_related(None).select_related("message")
    try:
        parent = get_object_or_404(own, pk=UUID(str(given)), message__conversation=conversation)
    except ValueError as error:
        raise Http404 from error
    parent.message.conversation = conversation  # known
    return parent


def rendered_answers(answers: Iterable[Answer]) -> RenderedAnswers:
    """Render all of these answers within the budget of one page; running ones are shown as they stream."""
    ended = [answer for answer in answers if not answer.is_under_way]
    return render_answers(text for answer in ended for text in _texts_of(answer) if text)


def _texts_of(answer: Answer) -> list[str]:
    choices = [(answer.text, answer.extras), *((other.get("text", ""), other) for other in answer.others)]
    return [content_of(text, extras.get("sources", ())) for text, extras in choices]


def turns_context(page: TurnsPage) -> dict[str, Any]:
    """Return the context of a page of turns, with its answers rendered."""
    return {"page": page, "rendered": rendered_answers(turn.answer for turn in page.turns)}


def page_context(
    request: PortalRequest,
    conversation: Conversation | None,
    *,
    form: ChatForm | None = None,
    opened: Preset | None = None,
    start: UUID | None = None,
    payer: str = "",
) -> dict[str, Any]:
    """Return the context of the chat's page; without a form, one with the last settings, or those of a preset.

    `start`: the message that its turns begin with, if it is earlier than the last ones. `payer` is the id of a course
    that is to pay in a new conversation; that of a preset does only if it pays for this person.
    """
    rendering_pool()  # starts its processes, unless they run, while the person writes
    allowance = policy_of(request.user)
    payers = Payers.of(request.user, allowance)
    if opened and payers.course(opened.course_id):
        payer = str(opened.course_id)
    models = payers.models
    if opened:
        preset = presets.from_params(opened.params, models=models)
    else:
        preset = presets.from_query(request.GET, models=models)
    params = preset.params or first_params(request, conversation)
    locked = opened if opened and opened.is_locked else None
    page = turns_page(conversation, start=start) if conversation else TurnsPage(turns=[])
    if form is None:
        initial = {**AskForm.initial_from(params), "name": page.turns[-1].message.name if page.turns else ""}
        form = ChatForm(initial=initial, payers=payers, payer=payer, conversation=conversation, preset=locked)
    return {
        "conversation": conversation,
        "own_conversations": conversations_of(request.user),
        **turns_context(page),
        "form": form,
        "opened": opened,
        "models": models,
        "dropped": preset.dropped,
        "setup": presets.to_query(params) or "",
        "sentence": _first_sentence(form, allowance, conversation.paid_by_id if conversation else payer),
        "kept_days": settings.PLAYGROUND_RETENTION_DAYS,
    }


def _first_sentence(form: ChatForm, allowance: Allowance, payer: UUID | str | None) -> str:
    """Say that the course of the conversation, or of the link, does not pay now, or that the person's group cannot."""
    if payer and not form.payers.course(payer):
        return form.payers.why_not(payer)
    if allowance.stopped_by and form.first_payer is None:
        return str(group_used_up(allowance.stopped_by, month_first_day()))
    return ""


def first_params(request: PortalRequest, conversation: Conversation | None) -> Mapping[str, Any]:
    """Return the initial settings: the conversation's, or the model that was used last."""
    if conversation:
        return conversation.params
    own = Conversation.objects.owned_by(request.user).order_by("-used_at")
    last = own.values_list("model_names", flat=True).first() or []
    return {"model": last[0]} if len(last) == 1 else {}  # of a comparison: none


# --- Refusals ---------------------------------------------------------------------------------------
def refused(request: PortalRequest, refusal: Refusal, page: Callable[[], dict[str, Any]]) -> HttpResponse:
    """Say next to the form why nothing was sent; all typed text stays. `page` is the page's context."""
    refusal_context = {"sentence": sentence_of(refusal), "retry_at": getattr(refusal, "retry_at", None)}
    template = "playground/_refused.html" if request.htmx else "playground/index.html"
    context = refusal_context if request.htmx else {**page(), **refusal_context}
    return render(request, template, context, status=status_of(refusal))


def status_of(refusal: Refusal) -> int:
    """Return the matching status: invalid input, rate limit, forbidden, or gateway."""
    if isinstance(refusal, AskRefused):
        return STATUS_OF.get(refusal.code, 429)
    if isinstance(refusal, KeyRefused):
        return 429 if isinstance(refusal, TooManyActions) else 403
    return 503 if isinstance(refusal, GatewayUnavailable) else 502


def sentence_of(refusal: Refusal) -> str:
    """Say what happened and what to do. A failed call of the gateway was about the key, not yet about an answer."""
    if isinstance(refusal, GatewayUnavailable):
        card = card_of(AnswerError(code="gateway_down", free=True))
        return f"{card.title}. {card.sentence} {card.hint}"
    if isinstance(refusal, GatewayError):
        return _("The gateway refused to create your Playground key. Nothing was sent. Contact the administrators.")
    return str(refusal)
