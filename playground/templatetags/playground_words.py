"""What is said of an answer: how it ended, how fast it came, what went wrong; numbers with their units."""

import json
from collections.abc import Iterable, Sequence

from django import template
from django.utils import formats
from django.utils.translation import gettext, gettext_noop

from keys.models import GatewayModel
from playground.forms import ParameterField
from playground.models import Answer
from playground.services.cards import Card, card_of
from playground.services.mishaps import INTERRUPTED, UNSAVED, Mishap

register = template.Library()

NO_BREAK_SPACE = "\u00a0"
FINISH_WORDS = {  # LiteLLM's reasons, which are OpenAI's
    "stop": gettext_noop("by itself"),
    "eos": gettext_noop("by itself"),
    "end_turn": gettext_noop("by itself"),
    "length": gettext_noop("at the longest allowed"),
    "max_tokens": gettext_noop("at the longest allowed"),
    "content_filter": gettext_noop("by a content filter"),
    "tool_calls": gettext_noop("to call a tool"),
    "function_call": gettext_noop("to call a tool"),
}


@register.filter
def finish_words(answer: Answer) -> str:
    """Say how an answer ended; a reason that we do not know stays as it is."""
    if answer.state in (Answer.State.STOPPED, Answer.State.WAITING):
        return gettext("stopped by you")
    problem = _problem_of(answer)
    if answer.state == Answer.State.FAILED or (problem and problem.code != UNSAVED.code):
        return gettext("broke off")
    words = FINISH_WORDS.get(answer.finish_reason)
    return gettext(words) if words else answer.finish_reason


@register.filter
def seconds(milliseconds: int | None) -> str:
    """Return a time in seconds, "0.41 s", from ten seconds on without hundredths."""
    if milliseconds is None:
        return ""
    places = 2 if milliseconds < 10_000 else 1
    return f"{_rounded(milliseconds / 1000, places)}{NO_BREAK_SPACE}s"


@register.filter
def speed(answer: Answer) -> str:
    """Return how fast tokens came once the first was there; empty when too few came to tell."""
    if not answer.completion_tokens or answer.first_token_ms is None or answer.took_ms is None:
        return ""
    took_ms = answer.took_ms - answer.first_token_ms
    if answer.completion_tokens < 2 or took_ms <= 0:
        return ""
    rate = 1000 * answer.completion_tokens / took_ms
    return gettext("%(rate)s tokens/s") % {"rate": _rounded(rate, 0 if rate >= 10 else 1)}


def _rounded(number: float, places: int) -> str:
    """Write a number with so many decimals; `number_format` alone would cut the rest off."""
    return formats.number_format(round(number, places), places)


@register.filter
def short_id(call_id: str) -> str:
    """Return the ends of a call's id, enough to tell it from others."""
    return call_id if len(call_id) <= 12 else f"{call_id[:4]}…{call_id[-4:]}"


@register.filter
def pretty_json(text: str) -> str:
    """Return JSON with its lines and indents; what is none, or not whole yet, stays as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


@register.simple_tag
def card(answer: Answer) -> Card | None:
    """Return what to say of an answer's problem."""
    problem = _problem_of(answer)
    return card_of(problem, answer=answer) if problem else None


def _problem_of(answer: Answer) -> Mishap | None:
    """Return what went wrong; an answer that died with its process has it before a task has written so."""
    if answer.problem:
        return Mishap.from_json(answer.problem)
    lost = answer.state == Answer.State.STREAMING and not answer.is_under_way
    return INTERRUPTED if lost else None


@register.simple_tag
def another_model(models: Iterable[GatewayModel] | None, name: str) -> str:
    """Return the first other model that could be asked, "" when there is none."""
    return next((model.name for model in models or () if model.name != name), "")


@register.simple_tag
def fold(fields: Sequence[ParameterField]) -> dict[str, object]:
    """Part the parameters into those shown at once and those folded; open when one of these is set or wrong."""
    more = [each for each in fields if not each.main]
    return {
        "main": [each for each in fields if each.main],
        "more": more,
        "more_open": any(each.field.errors or each.field.value() for each in more),
    }


@register.filter
def slides(each: ParameterField) -> bool:
    """Tell whether a slider is of use: it has two ends that are not worlds apart."""
    return each.kind == "range" or each.name == "max_tokens"


@register.filter
def machine(number: object) -> str:
    """Return a number as HTML's attributes want it, whatever the language."""
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    return "" if number is None else str(number)
