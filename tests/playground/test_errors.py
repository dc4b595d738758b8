"""Recorded errors of LiteLLM 1.106.2, and their classification."""

from datetime import UTC, datetime, timedelta
from time import thread_time

import pytest
from django.utils import timezone

from gateway.errors import GatewayError, GatewayRejected, GatewayUnavailable
from gateway.refusals import error_from
from playground.errors.cards import card_of
from playground.errors.classify import INTERRUPTED, AnswerError, answer_error_of, budget_reset
from playground.models import Answer, ParameterSet
from tests.gateway.stub import recording

GROUP = "\n\nLiteLLM: model group 'gpt-4o-mini' failed with the error above. No fallback was attempted."
UNSUPPORTED = (
    "litellm.UnsupportedParamsError: {provider} does not support parameters: {names}, for model={model}. To drop "
    "these, set `litellm.drop_params=True` or for proxy:\n\n`litellm_settings:\n drop_params: true`\n. \n If you want "
    "to use these params dynamically send allowed_openai_params={names} in your request."
)
OPENAI = "litellm.BadRequestError: OpenAIException - "
TOO_LONG = "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: "

SAID = {  # status, type, message; the code, the parameter
    "a parameter that OpenAI's small models lack": (
        400,
        "invalid_request_error",
        UNSUPPORTED.format(provider="openai", names=["reasoning_effort"], model="gpt-4o-mini") + GROUP,
        "unsupported",
        "reasoning_effort",
    ),
    "two parameters that Anthropic lacks": (
        400,
        "invalid_request_error",
        UNSUPPORTED.format(provider="anthropic", names=["logit_bias", "seed"], model="claude-3-haiku-20240307"),
        "unsupported",
        "logit_bias",
    ),
    "a provider without stream_options": (
        400,
        "invalid_request_error",
        OPENAI + "Unrecognized request argument supplied: stream_options" + GROUP,
        "unsupported",
        "stream_options",
    ),
    "a vLLM without stream_options": (
        400,
        "",
        'litellm.BadRequestError: Hosted_vllmException - {"error": {"message": "Unrecognized request argument '
        'supplied: stream_options", "type": "invalid_request_error", "param": null, "code": null}}',
        "unsupported",
        "stream_options",
    ),
    "a provider that forbids more": (
        422,
        "",
        OPENAI + "Error code: 422 - {'detail': [{'type': 'extra_forbidden', 'loc': ['body', 'stream_options'], "
        "'msg': 'Extra inputs are not permitted', 'input': {}}]}",
        "unsupported",
        "stream_options",
    ),
    "a value that a reasoning model does not take": (
        400,
        "invalid_request_error",
        OPENAI + "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value "
        "is supported.",
        "unsupported",
        "temperature",
    ),
    "a parameter under another name": (
        400,
        "invalid_request_error",
        OPENAI + "Unsupported parameter: 'max_completion_tokens' is not supported with this model.",
        "unsupported",
        "max_tokens",
    ),
    "something else that cannot be left out": (
        400,
        "invalid_request_error",
        OPENAI + "Unknown parameter: 'messages[0].colour'.",
        "unsupported",
        "",
    ),
    "too long for OpenAI": (
        400,
        "",
        TOO_LONG + "OpenAIException - This model's maximum context length is 8192 tokens. However, your messages "
        "resulted in 9001 tokens. Please reduce the length of the messages.",
        "context_too_long",
        "",
    ),
    "too long for vLLM": (
        400,
        "",
        TOO_LONG
        + 'Hosted_vllmException - {"object": "error", "message": "This model\'s maximum context length is 4096 '
        'tokens. However, you requested 5000 tokens", "type": "BadRequestError", "param": null, "code": 400}',
        "context_too_long",
        "",
    ),
    "Azure's filter": (
        400,
        "",
        OPENAI + "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
        "Please modify your prompt and retry.",
        "content_filtered",
        "",
    ),
    "OpenAI's filter": (
        400,
        "invalid_request_error",
        "litellm.BadRequestError: litellm.ContentPolicyViolationError: ContentPolicyViolationError: OpenAIException - "
        "Your request was rejected as a result of our safety system.",
        "content_filtered",
        "",
    ),
    "the gateway's own account is empty": (
        429,
        "throttling_error",
        "litellm.RateLimitError: RateLimitError: OpenAIException - You exceeded your current quota, please check your "
        "plan and billing details.",
        "provider_down",
        "",
    ),
    "a provider's 403": (
        403,
        "permission_error",
        "litellm.APIError: APIError: OpenAIException - provider says 403" + GROUP,
        "provider_down",
        "",
    ),
    "a provider's 404": (
        404,
        "invalid_request_error",
        "litellm.NotFoundError: NotFoundError: OpenAIException - provider says 404" + GROUP,
        "provider_down",
        "",
    ),
    "a provider's 408": (
        408,
        "invalid_request_error",
        "litellm.Timeout: Timeout Error: OpenAIException - provider says 408\n\nDeployment Info: request_timeout: None"
        + GROUP,
        "timeout",
        "",
    ),
    "less is left of the budget than the call may cost": (
        422,
        "budget_exceeded",
        "Budget has been exceeded! Team=team Current cost: 0.0, Estimated request cost: 0.0147528, Max budget: 0.005",
        "budget_short",
        "",
    ),
    "custom keys are forbidden": (
        403,
        "",
        "Custom API key values are disabled by your administrator. Keys must be auto-generated.",
        "custom_keys_forbidden",
        "",
    ),
}

RECORDED = {  # tests/gateway/data/errors.json
    "wrong key": "key_refused",
    "expired key": "key_refused",
    "chat with a blocked key, at once": "key_refused",
    "chat with a deleted key, at once": "key_refused",
    "key over budget, streaming": "over_budget",
    "user over budget": "over_budget",
    "model not allowed for the key": "model_denied",
    "model not allowed for the team": "model_denied",
    "unknown model": "model_denied",
    "unknown model, restricted key": "model_denied",
    "requests per minute exceeded": "rate_limited",
    "tokens per minute exceeded": "rate_limited",
    "too many parallel requests": "rate_limited",
    "messages of the wrong type": "bad_request",
    "provider answers 400": "bad_request",
    "provider answers 401": "provider_down",
    "provider answers 429": "provider_rate_limited",
    "provider answers 500": "provider_down",
    "provider answers 503": "provider_down",
    "provider is unreachable": "provider_down",
    "unknown route": "gateway_down",
}


def refusal(status: int, kind: str, message: str, *, retry_after_s: int | None = None) -> GatewayError:
    body = {"error": {"message": message, "type": kind, "param": None, "code": str(status)}}
    return error_from(status, body, retry_after_s=retry_after_s)


def recorded(title: str) -> GatewayError:
    response = recording("errors", title)["response"]
    return error_from(response["status"], response["body"], retry_after_s=60 if response["status"] == 429 else None)


@pytest.mark.parametrize("title", SAID)
def test_a_refused_parameter_is_read_from_the_message(title: str) -> None:
    status, kind, message, code, parameter = SAID[title]

    answer_error = answer_error_of(refusal(status, kind, message), begun=False)

    assert (answer_error.code, answer_error.parameter) == (code, parameter)
    assert answer_error.provider is message.startswith("litellm.")
    assert card_of(answer_error).without == parameter


def _sent_without(name: str) -> Answer:
    return Answer(parameters=ParameterSet.of(1, {"without": [name]}))


def test_parameters_added_by_the_gateway_cannot_be_left_out() -> None:
    """LiteLLM asks providers for the tokens at the end of a stream, whatever the portal asks of it."""
    status, kind, message, *_ = SAID["a provider without stream_options"]
    answer_error = answer_error_of(refusal(status, kind, message), begun=False)

    again = card_of(answer_error, answer=_sent_without("stream_options"))

    assert card_of(answer_error, answer=_sent_without("seed")).without == "stream_options"
    assert again.without == ""
    assert "the gateway adds it" in again.sentence
    assert again.ask_other


@pytest.mark.parametrize("title", RECORDED)
def test_recorded_errors_have_their_code(title: str) -> None:
    assert answer_error_of(recorded(title), begun=False).code == RECORDED[title]


@pytest.mark.parametrize(
    ("error", "begun", "code"),
    [
        (GatewayUnavailable("x", may_have_happened=False), False, "gateway_down"),
        (GatewayUnavailable("x"), False, "gateway_down"),
        (GatewayUnavailable("x", timed_out=True), False, "timeout"),
        (GatewayUnavailable("x", timed_out=True), True, "silent"),
        (GatewayUnavailable("The answer was cut off before its end."), True, "broke_off"),
        (GatewayUnavailable("litellm.APIConnectionError: x", provider=True), False, "provider_down"),
        (GatewayUnavailable("litellm.APIConnectionError: x", provider=True), True, "broke_off"),
        (GatewayUnavailable("The gateway answered 500: litellm.Timeout: x", provider=True), True, "broke_off"),
        (refusal(400, "", "litellm.BadRequestError: provider says no"), True, "broke_off"),
        (refusal(422, "budget_exceeded", "Budget has been exceeded! Key=key"), True, "budget_midway"),
        (GatewayUnavailable("The gateway answered 500: Budget has been exceeded! Key=key"), True, "budget_midway"),
        (refusal(429, "throttling_error", "litellm.RateLimitError: slow down"), True, "provider_rate_limited"),
        (refusal(302, "", ""), False, "gateway_down"),
        (refusal(418, "", "I am a teapot"), False, "refused"),
        (GatewayError("no more is known"), False, "refused"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_errors_before_and_within_an_answer_are_distinguished(error: GatewayError, begun: bool, code: str) -> None:
    assert answer_error_of(error, begun=begun).code == code


def test_only_errors_before_any_model_call_cost_nothing() -> None:
    nothing = "This cost nothing."

    assert nothing in card_of(answer_error_of(recorded("requests per minute exceeded"), begun=False)).sentence
    assert nothing in card_of(answer_error_of(GatewayUnavailable("x", may_have_happened=False), begun=False)).sentence
    for error in (GatewayUnavailable("x"), refusal(400, "", "content_filter"), recorded("provider answers 500")):
        assert nothing not in card_of(answer_error_of(error, begun=False)).sentence
    limited_midway = answer_error_of(refusal(429, "throttling_error", "litellm.RateLimitError: slow down"), begun=True)
    assert nothing not in card_of(limited_midway).sentence


def test_budget_resets_follow_litellm() -> None:
    now = timezone.now()
    day, week, month = (budget_reset(period) for period in ("1d", "7d", "30d"))
    assert day
    assert week
    assert month

    assert timedelta(0) < day - now <= timedelta(days=1)
    assert timedelta(0) < week - now <= timedelta(days=7)
    assert week.weekday() == 0
    assert month.day == 1
    assert timedelta(0) < month - now <= timedelta(days=31)
    assert {moment.time().isoformat() for moment in (day, week, month)} == {"00:00:00"}
    assert budget_reset("") is None


def test_an_error_is_kept_as_json_and_read_again() -> None:
    answer_error = AnswerError(
        code="rate_limited",
        status=429,
        type="throttling_error",
        message="slow down",
        retry_at=datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC),
        resets_at=datetime(2026, 12, 1, tzinfo=UTC),
        provider=True,
        parameter="seed",
        free=True,
    )

    assert AnswerError.from_json(answer_error.as_json()) == answer_error
    assert INTERRUPTED.as_json() == {"code": "interrupted"}
    assert AnswerError.from_json({"code": "interrupted", "of a later release": 1}) == INTERRUPTED
    assert card_of(AnswerError.from_json({})).title == "The gateway refused"
    assert card_of(AnswerError(code="of a later release")).title == "The gateway refused"


@pytest.mark.parametrize(
    "quoted",
    ["a.b" * 30_000, "'loc': [" * 12_000, "does not support parameters: [" * 3_000, "unknown parameter  " * 5_000],
)
def test_a_message_that_quotes_a_long_prompt_is_classified_quickly(quoted: str) -> None:
    error = GatewayRejected(f"UnsupportedParamsError: {quoted} seed: Extra inputs are not permitted", status=400)

    began = thread_time()
    answer_error = answer_error_of(error, begun=False)
    assert thread_time() - began < 0.5
    assert (answer_error.code, answer_error.parameter) == ("unsupported", "seed")
