"""A mishap as it is shown: what happened, what it cost, what to do, in the language of the reader."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from playground.models import Answer
from playground.services.mishap_words import copy_it, words_of
from playground.services.mishaps import TRAITS, UNSAVED, Mishap, Tone, Traits
from web.templatetags.portal import usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is shown of a mishap: what happened and what it cost, what to do, and on request the gateway's words."""

    title: str
    sentence: str
    hint: str = ""
    tone: Tone = "bad"
    retry_at: datetime | None = None
    may_retry: bool = False
    without: str = ""  # the parameter that one may send without
    ask_other: bool = False  # another model may well answer
    told: str = ""


def card_of(mishap: Mishap, *, answer: Answer | None = None) -> Card:
    """Put a mishap into words; `answer` knows what it cost."""
    left_out = answer is not None and bool(mishap.parameter) and mishap.parameter in answer.params.get("without", ())
    title, sentence, hint = words_of(mishap, left_out=left_out)
    if mishap.unsaved and mishap.code != UNSAVED.code:
        hint = f"{hint} {copy_it()}"
    traits = TRAITS.get(mishap.code, Traits())
    return Card(
        title=title,
        sentence=" ".join(part for part in (sentence, _cost(mishap, answer)) if part),
        hint=hint,
        tone=traits.tone,
        retry_at=mishap.retry_at,
        may_retry=traits.retry,
        without="" if left_out else mishap.parameter,
        ask_other=traits.other,
        told=_told(mishap),
    )


def _cost(mishap: Mishap, answer: Answer | None) -> str:
    """Say what it cost, as far as anybody knows; nothing where nobody does."""
    if mishap.free:
        return _("This cost nothing.")
    if answer is None:
        return ""
    if answer.cost_usd is not None and answer.cost_source == Answer.CostSource.TOLD:
        return _("It cost %(cost)s.") % {"cost": usd(answer.cost_usd)}
    if answer.cost_usd is not None:
        return _("It may have cost about %(cost)s.") % {"cost": usd(answer.cost_usd)}
    return _("The part that arrived is counted.") if answer.text or answer.reasoning else ""


def _told(mishap: Mishap) -> str:
    """Return the gateway's own words, as they came."""
    head = " ".join(part for part in (str(mishap.status or ""), mishap.type) if part)
    return "\n".join(part for part in (head, mishap.message) if part)
