"""Check a key by real calls: its list of models, and one token from one of them."""

import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from accounts.models.group_spend import month_first_day
from accounts.policies import policy_of
from gateway.django import get_gateway
from gateway.errors import (
    GatewayError,
    GatewayKeyRefused,
    GatewayModelDenied,
    GatewayNotFound,
    GatewayOverBudget,
    GatewayRateLimited,
    GatewayUnavailable,
)
from gateway.inference_types import ChatAnswer, ChatRequest, Message
from gateway.secret import token_of
from keys.models import GatewayModel, Key, Token
from keys.services.delete import look_at_team_again
from keys.status import group_used_up

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

CHECK_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result in words, with what to do."""

    ok: bool
    sentence: "str | StrPromise"
    hint: "str | StrPromise" = ""
    model: str = ""
    models_count: int = 0
    seconds: float | None = None
    cost_usd: Decimal | None = None


@sensitive_variables("secret")
def check_secret(*, owner: User, secret: str) -> Check:
    """Use `secret` as a program would. Raises Token.DoesNotExist unless it belongs to a key of `owner`."""
    token = Token.objects.select_related("key__team", "key__owner").get(key__owner=owner, token=token_of(secret))
    if token.key.blocked_for_budget:
        of_group = policy_of(owner).stopped_by
        sentence = group_used_up(of_group, month_first_day()) if of_group else _OF_PERSON
        return Check(ok=False, sentence=sentence, hint="" if of_group else _AGAIN)
    try:
        names = get_gateway().models.names(secret)
        if not names:
            return Check(ok=False, sentence=_("The gateway lists no model for this key."), hint=_ASK)
        model = _first_that_chats(names)
        if model is None:
            return Check(ok=True, sentence=_listed(len(names)), models_count=len(names))
        started = time.monotonic()
        answer = _one_token(secret, model)
    except GatewayError as error:
        if isinstance(error, GatewayNotFound):  # "Team doesn't exist": it was deleted at the gateway
            look_at_team_again(token.key)
        return _in_words(error, token.key)
    return Check(
        ok=True,
        sentence=_listed(len(names)),
        model=model,
        models_count=len(names),
        seconds=time.monotonic() - started,
        cost_usd=answer.headers.cost_usd,
    )


@sensitive_variables("secret")
def _one_token(secret: str, model: str) -> ChatAnswer:
    """Request the cheapest possible answer."""
    body = ChatRequest(model=model, messages=[Message(role="user", content="Say hello.")], max_tokens=1)
    answer: ChatAnswer = get_gateway().inference.chat(secret=secret, body=body, timeout_s=CHECK_TIMEOUT_S)
    return answer


def _first_that_chats(names: tuple[str, ...]) -> str | None:
    """Return the first model of the gateway's list that can chat; without a catalogue, the first of all."""
    modes = dict(GatewayModel.objects.filter(name__in=names).values_list("name", "mode"))
    return next((name for name in names if modes.get(name, "chat") == "chat"), None)


def _listed(count: int) -> str:
    return ngettext(
        "It works. The gateway lists %(count)d model for this key.",
        "It works. The gateway lists %(count)d models for this key.",
        count,
    ) % {"count": count}


_OF_PERSON = _("Your budget for all your keys together is used up.")
_AGAIN = _("It works again when the budget resets; My keys shows when.")
_OF_COURSE = _("The budget of the course is used up, for everybody in it.")
_TEACHER = _("Contact a teacher of the course.")
_ASK = _("Contact the administrators.")
_KEY_REFUSED = {
    "expired": (_("This key has expired."), _("Renew it in My keys; the secret stays the same.")),
    "blocked": (_("This key is blocked at the gateway."), _ASK),
    "unknown": (_("The gateway does not know this key: it was deleted."), _("Create another in My keys.")),
    "other": (_("The gateway does not accept this key."), _("Create another in My keys.")),
}


def _in_words(error: GatewayError, key: Key) -> Check:
    """Explain an error to the holder of the key, with what to do."""
    sentence, hint = _("The gateway refused the call."), _ASK
    if isinstance(error, GatewayUnavailable):
        sentence = _("The gateway, or the model behind it, does not answer.")
        hint = _("The key itself may be fine. Check again in a minute.")
    elif isinstance(error, GatewayKeyRefused):
        sentence, hint = _KEY_REFUSED[error.reason]
        hint = _TEACHER if key.team_id else hint
    elif isinstance(error, GatewayOverBudget):
        sentence = _("The budget of this key is used up.")
        hint = _AGAIN
        if key.team_id:
            hint = _TEACHER
        if error.of_team:
            sentence = _OF_COURSE if key.team_id else _OF_PERSON
    elif isinstance(error, GatewayNotFound):
        sentence = _("The gateway does not have your budget any more, so it refuses your keys.")
        hint = _("The portal sets it again within 5 minutes. Check again then.")
    elif isinstance(error, GatewayRateLimited):
        sentence, hint = _("Too many requests this minute."), _("Check again in a minute. This cost nothing.")
    elif isinstance(error, GatewayModelDenied):
        sentence = _("The key works, but may not call the model that was tried.")
        hint = _("See Models for those that you may call.")
    return Check(ok=False, sentence=sentence, hint=hint)
