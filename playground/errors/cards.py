"""An error as it is shown: what happened, what it cost, what to do, in the language of the reader."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _

from playground.errors.classify import TRAITS, UNSAVED, AnswerError, Tone, Traits
from playground.errors.messages import copy_it, words_of
from playground.models import Answer
from web.amounts import usd

LACKING: Final = {"over_budget": "budget", "budget_midway": "budget", "model_denied": "model"}  # by code of the error


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An error as shown: what happened and what it cost, what to do, and on request the gateway's message."""

    title: str
    sentence: str
    hint: str = ""
    tone: Tone = "bad"
    retry_at: datetime | None = None
    may_retry: bool = False
    without: str = ""  # the parameter that can be left out
    ask_other: bool = False  # another model may well answer
    lacks: str = ""  # what one may request: "budget" or "model"
    gateway_message: str = ""


def card_of(error: AnswerError, *, answer: Answer | None = None) -> Card:
    """Describe an error in words; `answer` has its cost."""
    left_out = answer is not None and bool(error.parameter) and error.parameter in answer.params.get("without", ())
    title, sentence, hint = words_of(error, left_out=left_out)
    if error.unsaved and error.code != UNSAVED.code:
        hint = f"{hint} {copy_it()}"
    traits = TRAITS.get(error.code, Traits())
    return Card(
        title=title,
        sentence=" ".join(part for part in (sentence, _cost(error, answer)) if part),
        hint=hint,
        tone=traits.tone,
        retry_at=error.retry_at,
        may_retry=traits.retry,
        without="" if left_out else error.parameter,
        ask_other=traits.other,
        lacks="" if error.course else LACKING.get(error.code, ""),
        gateway_message=_gateway_message(error),
    )


def _cost(error: AnswerError, answer: Answer | None) -> str:
    """Say what it cost, as far as known."""
    if error.free:
        return _("This cost nothing.")
    if answer is None:
        return ""
    if answer.cost_usd is not None and answer.cost_source == Answer.CostSource.REPORTED:
        return _("It cost %(cost)s.") % {"cost": usd(answer.cost_usd)}
    if answer.cost_usd is not None:
        return _("It may have cost about %(cost)s.") % {"cost": usd(answer.cost_usd)}
    return _("The part that arrived is counted.") if answer.text or answer.reasoning else ""


def _gateway_message(error: AnswerError) -> str:
    """Return the gateway's own message, unchanged."""
    head = " ".join(part for part in (str(error.status or ""), error.type) if part)
    return "\n".join(part for part in (head, error.message) if part)
