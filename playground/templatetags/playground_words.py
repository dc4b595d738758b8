"""Words about an answer: how it ended, how fast it was, what went wrong; numbers with their units."""

import json
from collections.abc import Iterable, Sequence

from django import template
from django.utils import formats
from django.utils.translation import gettext, gettext_noop

from gateway.dialects import TOO_LONG
from keys.models import GatewayModel
from playground.errors.cards import Card, card_of
from playground.errors.classify import UNSAVED
from playground.errors.problems import AT_THE_LIMIT, FILTERED, failure_of, problem_of
from playground.forms import ParameterField
from playground.models import Answer
from playground.services import pictures

register = template.Library()

NO_BREAK_SPACE = "\u00a0"
FINISH_WORDS = {  # LiteLLM's reasons, which are OpenAI's
    "stop": gettext_noop("Complete"),
    **dict.fromkeys(
        ("eos", "eos_token", "end_turn", "end", "complete", "stop_sequence", "finished"), gettext_noop("Complete")
    ),
    **dict.fromkeys(AT_THE_LIMIT, gettext_noop("Cut at max_tokens")),
    **dict.fromkeys(FILTERED, gettext_noop("Stopped by a content filter")),
    "tool_calls": gettext_noop("Tool call"),
    "function_call": gettext_noop("Tool call"),
}


@register.filter
def finish_words(answer: Answer) -> str:
    """Say how an answer ended; an unknown reason stays as it is."""
    if answer.state in (Answer.State.STOPPED, Answer.State.WAITING):
        return gettext("Stopped by you")
    problem = failure_of(answer)
    if answer.state == Answer.State.FAILED or (problem and problem.code != UNSAVED.code):
        return gettext("Interrupted")
    words = FINISH_WORDS.get(answer.finish_reason.lower())
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
    """Return the tokens per second after the first; empty for too few tokens."""
    if not answer.completion_tokens or answer.first_token_ms is None or answer.took_ms is None:
        return ""
    took_ms = answer.took_ms - answer.first_token_ms
    if answer.completion_tokens < 2 or took_ms <= 0:
        return ""
    rate = 1000 * answer.completion_tokens / took_ms
    return gettext("%(rate)s tokens/s") % {"rate": _rounded(rate, 0 if rate >= 10 else 1)}


def _rounded(number: float, places: int) -> str:
    """Format a number with so many decimals; `number_format` alone would truncate it."""
    return formats.number_format(round(number, places), places)


@register.filter
def short_id(call_id: str) -> str:
    """Return the beginning and end of a call's id, enough to distinguish it."""
    return call_id if len(call_id) <= 12 else f"{call_id[:4]}…{call_id[-4:]}"


@register.filter
def pretty_json(text: str) -> str:
    """Return JSON with line breaks and indents; invalid or incomplete JSON stays as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


@register.simple_tag
def card(answer: Answer) -> Card | None:
    """Return the card about an answer's error, or about its emptiness."""
    problem = problem_of(answer)
    return card_of(problem, answer=answer) if problem else None


@register.filter
def unshown_words(names: Sequence[str]) -> str:
    """Say what came with an answer and is not shown; an unknown name stays as it is."""
    known = {
        "audio": gettext("sound"),
        "video": gettext("a video"),
        "redacted_thinking": gettext("reasoning that the provider keeps secret"),
        "image": gettext("a picture that could not be read"),
        pictures.NOT_AN_IMAGE: gettext("a picture of a kind that is not shown (JPEG, PNG, WebP and GIF are)"),
        pictures.TOO_LARGE: gettext("a picture that is too large"),
        pictures.TOO_MANY: gettext("more pictures than are kept with an answer"),
        pictures.NOT_STORED: gettext("a picture that could not be stored"),
        pictures.NO_ROOM: gettext("a picture for which your conversations have no room left"),
        TOO_LONG: gettext("a piece that is too long"),
    }
    shown = "; ".join(known.get(name, name) for name in names)
    return gettext("Not shown: %(names)s.") % {"names": shown}


@register.simple_tag
def another_model(models: Iterable[GatewayModel] | None, name: str) -> str:
    """Return the first other model that could be used, "" when there is none."""
    return next((model.name for model in models or () if model.name != name), "")


@register.simple_tag
def fold(fields: Sequence[ParameterField]) -> dict[str, object]:
    """Split the parameters into those shown unfolded and those folded; open if one of these is set or invalid."""
    more = [each for each in fields if not each.main]
    return {
        "main": [each for each in fields if each.main],
        "more": more,
        "more_open": any(each.field.errors or each.field.value() for each in more),
    }


@register.filter
def slides(each: ParameterField) -> bool:
    """Tell whether a slider is useful: it has two ends that are not too far apart."""
    return each.kind == "range" or each.name == "max_tokens"


@register.filter
def machine(number: object) -> str:
    """Return a number for HTML attributes, whatever the language."""
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    return "" if number is None else str(number)
