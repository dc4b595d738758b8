"""Refusals of a model's provider, wrapped in LiteLLM's message."""

from collections.abc import Mapping
from typing import Any

from sandbox.answers import Answer
from sandbox.errors import RefusalError, error

_STATUSES = {  # status: LiteLLM's class, type
    400: ("BadRequestError", "server_error"),
    401: ("AuthenticationError", "authentication_error"),
    429: ("RateLimitError", "throttling_error"),
    503: ("ServiceUnavailableError", "internal_server_error"),
}
_PROMPTS = {
    "too-long": (
        "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: OpenAIException - "
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. Please "
        "reduce the length of the messages."
    ),
    "filter": (
        "litellm.BadRequestError: litellm.ContentPolicyViolationError: ContentPolicyViolationError: OpenAIException - "
        "Your request was rejected as a result of our safety system."
    ),
}


def refusal_of(answer: Answer, body: Mapping[str, Any]) -> RefusalError | None:
    """Return the response in place of the answer, if it is refused."""
    model = str(body["model"])
    if answer.fail_status:
        return _failure(answer.fail_status, model)
    if answer.refuses == "stream_options":  # LiteLLM knows it for all models, and leaves it to the provider
        message = f"litellm.BadRequestError: OpenAIException - Unrecognized request argument supplied: {answer.refuses}"
        return _bad_request(message, model)
    if answer.refuses:
        return _bad_request(_unsupported(answer.refuses, model), model)
    return _bad_request(_PROMPTS[answer.refusal], model) if answer.refusal else None


def _failure(status: int, model: str) -> RefusalError:
    name, kind = _STATUSES.get(status, ("InternalServerError", "internal_server_error"))
    doubled = "" if status == 400 else f"{name}: "
    return _refusal(status, f"litellm.{name}: {doubled}OpenAIException - provider says {status}", kind, model)


def _unsupported(parameter: str, model: str) -> str:
    return (
        f"litellm.UnsupportedParamsError: openai does not support parameters: ['{parameter}'], for model={model}. To "
        "drop these, set `litellm.drop_params=True` or for proxy:\n\n`litellm_settings:\n drop_params: true`\n. \n If "
        f"you want to use these params dynamically send allowed_openai_params=['{parameter}'] in your request."
    )


def _bad_request(message: str, model: str) -> RefusalError:
    return _refusal(400, message, "invalid_request_error", model)


def _refusal(status: int, message: str, kind: str, model: str) -> RefusalError:
    failed = f"LiteLLM: model group '{model}' failed with the error above. No fallback was attempted."
    return error(status, f"{message}\n\n{failed}", kind)
