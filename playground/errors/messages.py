"""The texts of errors: title, sentence, hint; for people who do not know HTTP statuses.

A sentence says what happened, a hint what to do. The cost and the time of a retry are shown next to them.
"""

from collections.abc import Callable, Mapping
from typing import Final

from django.utils import formats
from django.utils.translation import gettext as _

from playground.errors.classify import AnswerError

Words = tuple[str, str, str]


def words_of(error: AnswerError, *, left_out: bool = False) -> Words:
    """Return title, sentence and hint, in the reader's language; `left_out`: the refused parameter was not sent."""
    return _unsupported_still(error) if left_out else _WORDS.get(error.code, _refused)(error)


def _model_denied(error: AnswerError) -> Words:
    return (
        _("You do not have access to this model"),
        _("Your Playground key is not allowed to use it, or the gateway has no model of this name."),
        _("Choose another model."),
    )


def _whose(error: AnswerError) -> str:
    message = error.message
    if error.course:
        whole = _("The budget of “%(course)s” for all its students is used up.")
        own = _("Your budget in the Playground of “%(course)s” is used up.")
        return (whole if "Team=" in message else own) % {"course": error.course}
    if "User=" in message:
        return _("Your whole budget at the gateway is used up.")
    if "Team=" in message:
        return _("Your budget for all your keys together is spent.")
    return _("The budget of your Playground key is used up.")


def _until(error: AnswerError) -> str:
    if error.resets_at is None:
        return _("It works again when the budget resets.")
    day = formats.date_format(error.resets_at, "j F Y")  # a day of the gateway, as on all pages of budgets
    return _("It works again on %(day)s (UTC).") % {"day": day}


def _over_budget(error: AnswerError) -> Words:
    if error.course:
        return _("The course’s budget is used up"), _whose(error), _ask_teacher()
    ask = _("If that is too late, contact the administrators.")
    return _("The budget is used up"), f"{_whose(error)} {_until(error)}", ask


def _budget_short(error: AnswerError) -> Words:
    return (
        _("Too little of the budget is left for this answer"),
        _("The gateway reserves the price of the longest allowed answer, and less than that is left."),
        _("Set a lower max_tokens, or choose a cheaper model."),
    )


def _budget_midway(error: AnswerError) -> Words:
    return (
        _("The budget was used up while the model wrote"),
        _("The gateway ended the answer; the part that arrived is kept."),
        _ask_teacher() if error.course else _until(error),
    )


def _ask_teacher() -> str:
    return _("Ask your teacher for more, or choose your own budget.")


def _rate_limited(error: AnswerError) -> Words:
    if "max_parallel_requests" in error.message:
        return (
            _("Too many answers at once"),
            _("Your key has a limit on answers at the same time."),
            _("Wait until one of them has finished."),
        )
    if "Limit type: tokens" in error.message:
        return (
            _("Too many tokens this minute"),
            _("Your key has a limit on tokens per minute, and a long answer is counted before it begins."),
            _("A lower limit on tokens, or a shorter conversation, helps."),
        )
    return _("Too many requests this minute"), _("Your key has a limit on requests per minute."), ""


def _provider_rate_limited(error: AnswerError) -> Words:
    return (
        _("This model is overloaded"),
        _("It is receiving too many requests at the moment. You did not cause this."),
        _("Wait a little, or ask another model."),
    )


def _context_too_long(error: AnswerError) -> Words:
    return (
        _("This is too long for the model"),
        _("A model can read a limited number of tokens, and this conversation with its answer has more."),
        _("Shorten the message, begin a new conversation, or ask a model that reads more."),
    )


def _content_filtered(error: AnswerError) -> Words:
    return (
        _("A content filter stepped in"),
        _("The model’s provider refused this question. Filters make mistakes."),
        _("Rephrase it, or ask another model."),
    )


def _unsupported(error: AnswerError) -> Words:
    title = _("The model does not take one of the parameters")
    if error.parameter == "stream_options":
        sentence = _("It does not report its tokens at the end of a stream (stream_options).")
        return title, sentence, _("Send without it: the answer is the same, its cost an estimate.")
    if error.parameter:
        sentence = _("It does not accept this value of %(name)s.") % {"name": error.parameter}
        return title, sentence, _("Send without it, or ask another model.")
    hint = _("See below which one, put it back to its default, or ask another model.")
    return title, _("It does not accept one of the values."), hint


def _unsupported_still(error: AnswerError) -> Words:
    return (
        _("The model does not take one of the parameters"),
        _("It does not accept %(name)s. The portal did not send it: the gateway adds it.") % {"name": error.parameter},
        _("Ask another model, and contact the administrators."),
    )


def _key_refused(error: AnswerError) -> Words:
    title = _("The gateway refused your Playground key")
    if error.type == "expired_key":
        return title, _("The key has expired."), _("Try again: the portal renews it first.")
    if " is blocked" in error.message:
        return title, _("The key is blocked."), _("Contact the administrators.")
    if "Team doesn't exist" in error.message:
        return title, _("The gateway no longer has your budget."), _("Try again: the portal sets it first.")
    if error.type == "token_not_found_in_db":
        return title, _("The gateway no longer knows it."), _("Try again: the portal creates a new one first.")
    return title, _("The key was not accepted."), _("If this persists, contact the administrators.")


def _gateway_down(error: AnswerError) -> Words:
    return (
        _("The gateway does not answer"),
        _("It may be restarting, or the network is down."),
        _("Try again in a minute; your message is kept."),
    )


def _provider_down(error: AnswerError) -> Words:
    return (
        _("This model is not working"),
        _("The gateway works, but the model’s provider does not answer correctly."),
        _("Try again in a minute, or ask another model."),
    )


def _timeout(error: AnswerError) -> Words:
    return (
        _("The model took too long"),
        _("No answer arrived in time, so the request was cancelled."),
        _("Try again, ask for less, or ask another model."),
    )


def _silent(error: AnswerError) -> Words:
    return (
        _("The model stopped responding"),
        _("It stopped in the middle and sent nothing for too long; the part that arrived is kept."),
        _("Try again, or ask another model."),
    )


def _broke_off(error: AnswerError) -> Words:
    return (
        _("The answer broke off"),
        _("The model’s provider failed in the middle; the part that arrived is kept.")
        if error.provider
        else _("The connection to the gateway ended in the middle; the part that arrived is kept."),
        _("Try again."),
    )


def _interrupted(error: AnswerError) -> Words:
    return (
        _("The answer was interrupted"),
        _("The portal restarted while the answer was arriving; the saved part is kept."),
        _("Try again."),
    )


def _unsaved(error: AnswerError) -> Words:
    return (
        _("The answer could not be kept"),
        _("It is finished, but the portal’s database did not answer: it is whole on this page only."),
        copy_it(),
    )


def _images_unavailable(error: AnswerError) -> Words:
    return (
        _("The images could not be read"),
        _("The storage that keeps them does not answer. Nothing was sent to the model."),
        _("Try again in a minute. If this persists, contact the administrators."),
    )


def copy_it() -> str:
    """Suggest copying text that exists on this page only."""
    return _("Copy what you need of it before you leave the page.")


def _bad_request(error: AnswerError) -> Words:
    return (
        _("The model rejected the request"),
        _("It does not accept something in it: a parameter, an image or a tool."),
        _("See its message below and change that, or ask another model."),
    )


def _custom_keys_forbidden(error: AnswerError) -> Words:
    return (
        _("The gateway does not allow the Playground’s keys"),
        _("It allows only keys that it generates itself (disable_custom_api_keys)."),
        _("Contact the administrators."),
    )


def _refused(error: AnswerError) -> Words:
    return (
        _("The gateway refused"),
        _("The portal does not recognise the reason."),
        _("See its message below; if this persists, contact the administrators."),
    )


def _empty_filtered(_answer_error: AnswerError) -> Words:
    return (
        _("A content filter withheld the answer"),
        _("The model’s provider let nothing of it through. Filters make mistakes."),
        _("Rephrase it, or ask another model."),
    )


def _empty_at_limit(_answer_error: AnswerError) -> Words:
    return (
        _("All tokens were used before the answer began"),
        _("The model reached the limit (max_tokens) while it was still reasoning."),
        _("Raise max_tokens, or lower reasoning_effort, and try again."),
    )


def _empty_thought(_answer_error: AnswerError) -> Words:
    return (
        _("The model reasoned and did not answer"),
        _("It stopped by itself after its reasoning."),
        _("Try again, or ask another model."),
    )


def _empty(_answer_error: AnswerError) -> Words:
    return (
        _("The answer is empty"),
        _("The model ended its answer without any text."),
        _("Try again, or ask another model."),
    )


_WORDS: Final[Mapping[str, Callable[[AnswerError], Words]]] = {
    "model_denied": _model_denied,
    "over_budget": _over_budget,
    "budget_short": _budget_short,
    "budget_midway": _budget_midway,
    "rate_limited": _rate_limited,
    "provider_rate_limited": _provider_rate_limited,
    "context_too_long": _context_too_long,
    "content_filtered": _content_filtered,
    "unsupported": _unsupported,
    "key_refused": _key_refused,
    "gateway_down": _gateway_down,
    "provider_down": _provider_down,
    "timeout": _timeout,
    "silent": _silent,
    "broke_off": _broke_off,
    "interrupted": _interrupted,
    "unsaved": _unsaved,
    "images_unavailable": _images_unavailable,
    "bad_request": _bad_request,
    "custom_keys_forbidden": _custom_keys_forbidden,
    "refused": _refused,
    "empty_filtered": _empty_filtered,
    "empty_at_limit": _empty_at_limit,
    "empty_thought": _empty_thought,
    "empty": _empty,
}
