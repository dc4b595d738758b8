"""Every recorded refusal of LiteLLM, and the error that it becomes."""

import pickle

import pytest

from gateway.client import Gateway
from gateway.errors import (
    GatewayError,
    GatewayKeyRefused,
    GatewayModelDenied,
    GatewayNotFound,
    GatewayOverBudget,
    GatewayRateLimited,
    GatewayRejected,
    GatewayUnavailable,
    is_unknown_route,
)
from gateway.inference_types import ChatRequest
from tests.gateway.conftest import SECRET
from tests.gateway.stub import StubGateway, raw, recorded, says, titles

ROWS: dict[str, type[GatewayError]] = {
    "no key": GatewayKeyRefused,
    "wrong key": GatewayKeyRefused,
    "wrong key without sk-": GatewayKeyRefused,
    "empty key": GatewayKeyRefused,
    "expired key": GatewayKeyRefused,
    "expired key lists models": GatewayKeyRefused,
    "chat with a blocked key, at once": GatewayKeyRefused,
    "chat with a deleted key, at once": GatewayKeyRefused,
    "key over budget, one second later": GatewayOverBudget,
    "key over budget lists models": GatewayOverBudget,
    "key over budget, streaming": GatewayOverBudget,
    "user over budget": GatewayOverBudget,
    "model not allowed for the key": GatewayModelDenied,
    "model not allowed for the team": GatewayModelDenied,
    "unknown model": GatewayRejected,
    "unknown model, restricted key": GatewayModelDenied,
    "requests per minute exceeded": GatewayRateLimited,
    "tokens per minute exceeded": GatewayRateLimited,
    "too many parallel requests": GatewayRateLimited,
    "malformed JSON": GatewayRejected,
    "empty body": GatewayRejected,
    "no model": GatewayRejected,
    "no messages": GatewayRejected,
    "messages of the wrong type": GatewayRejected,
    "provider answers 400": GatewayRejected,
    "provider answers 401": GatewayRejected,
    "provider answers 429": GatewayRateLimited,
    "provider answers 500": GatewayUnavailable,
    "provider answers 503": GatewayUnavailable,
    "provider is unreachable": GatewayUnavailable,
    "unknown route": GatewayUnavailable,
    "wrong method": GatewayRejected,
    "management route with a virtual key": GatewayKeyRefused,
    "embeddings for a chat model": GatewayRejected,
}


def error_of(gateway: Gateway) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        gateway.inference.chat(secret=SECRET, body=ChatRequest(model="m", messages=[]))
    return caught.value


def test_every_recorded_refusal_is_in_the_table() -> None:
    assert set(titles("errors")) == set(ROWS)


@pytest.mark.parametrize("title", ROWS)
def test_refusal_becomes(stub: StubGateway, gateway: Gateway, title: str) -> None:
    stub.will(recorded("errors", title))

    error = error_of(gateway)

    assert type(error) is ROWS[title]
    assert getattr(error, "provider", False) == title.startswith("provider ")
    assert not getattr(error, "timed_out", False)  # it answered


@pytest.mark.parametrize(
    ("file", "title", "reason"),
    [
        ("errors", "wrong key", "unknown"),
        ("errors", "wrong key without sk-", "unknown"),
        ("errors", "empty key", "unknown"),
        ("errors", "chat with a deleted key, at once", "unknown"),
        ("errors", "expired key", "expired"),
        ("errors", "chat with a blocked key, at once", "blocked"),
        ("teams", "blocked team", "blocked"),
        ("errors", "no key", "other"),
        ("errors", "management route with a virtual key", "other"),
    ],
)
def test_a_refused_key_says_why(stub: StubGateway, gateway: Gateway, file: str, title: str, reason: str) -> None:
    stub.will(recorded(file, title))

    error = error_of(gateway)

    assert isinstance(error, GatewayKeyRefused)
    assert error.reason == reason


@pytest.mark.parametrize(("whose", "of_team"), [("Team=course-1 ", True), ("Key=thesis ", False), ("", False)])
def test_a_used_up_budget_is_the_teams_or_not(stub: StubGateway, gateway: Gateway, whose: str, of_team: bool) -> None:
    message = f"Budget has been exceeded! {whose}Current cost: 5.0, Max budget: 5.0"
    stub.will(says({"error": {"message": message, "type": "budget_exceeded", "code": "429"}}, status=429))

    error = error_of(gateway)

    assert isinstance(error, GatewayOverBudget)
    assert error.of_team is of_team


def test_a_rate_limit_carries_retry_after(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("errors", "requests per minute exceeded"))

    error = error_of(gateway)

    assert isinstance(error, GatewayRateLimited)
    assert (error.retry_after_s, error.status, error.type) == (60, 429, "throttling_error")


def test_an_error_carries_status_type_message_and_param(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("errors", "no messages"))

    error = error_of(gateway)

    assert isinstance(error, GatewayRejected)
    assert (error.status, error.type, error.param) == (400, "invalid_request_error", "messages")
    assert str(error).startswith("400 invalid_request_error /chat/completions: Missing")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, GatewayRejected),
        (401, GatewayKeyRefused),
        (403, GatewayRejected),
        (408, GatewayUnavailable),
        (413, GatewayRejected),
        (422, GatewayRejected),
        (425, GatewayUnavailable),
        (429, GatewayRateLimited),
        (500, GatewayUnavailable),
        (502, GatewayUnavailable),
        (504, GatewayUnavailable),
    ],
)
@pytest.mark.parametrize("text", ["<html>nginx</html>", "", '{"detail": "no"}', '{"error": "no"}', "[]", '{"error": '])
def test_the_status_decides_where_type_and_message_do_not(
    stub: StubGateway, gateway: Gateway, status: int, kind: type[GatewayError], text: str
) -> None:
    stub.will(raw(text, status=status))

    error = error_of(gateway)

    assert type(error) is kind
    assert isinstance(error, GatewayUnavailable) or getattr(error, "status", 0) == status


@pytest.mark.parametrize("text", ["<html>404</html>", "404 page not found", '{"detail": "Not Found"}', "[]", "{}"])
def test_a_404_from_another_server_does_not_count_as_a_deleted_key(
    stub: StubGateway, gateway_without_pauses: Gateway, text: str
) -> None:
    stub.will(raw(text, status=404))

    with pytest.raises(GatewayUnavailable) as failure:
        gateway_without_pauses.keys.info("0" * 64)
    assert not failure.value.may_have_happened


def test_only_the_lack_of_a_route_is_one() -> None:
    lacking = [GatewayRejected("", status=404), GatewayRejected("", status=405), GatewayUnavailable("", no_route=True)]
    others = [GatewayRejected("", status=403), GatewayRejected("", status=406), GatewayUnavailable("")]

    assert [is_unknown_route(error) for error in lacking + others] == [True] * 3 + [False] * 3


def test_a_404_of_litellm_is_not_found(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("models", "not allowed"))

    assert type(error_of(gateway)) is GatewayNotFound


def test_a_redirect_is_refused_and_not_followed(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(says({}, status=302, location=f"{stub.url}/elsewhere"))

    error = error_of(gateway)

    assert isinstance(error, GatewayRejected)
    assert error.type == "redirect"
    assert len(stub.asked) == 1


@pytest.mark.parametrize("status", [201, 204, 206])
def test_a_success_of_another_kind_is_not_understood(stub: StubGateway, gateway: Gateway, status: int) -> None:
    stub.will(raw("" if status == 204 else "{}", status=status))

    assert isinstance(error_of(gateway), GatewayUnavailable)


def test_errors_survive_pickling_between_processes(stub: StubGateway, gateway: Gateway) -> None:
    for title in ("requests per minute exceeded", "expired key", "provider answers 500"):
        stub.will(recorded("errors", title))
        error = error_of(gateway)

        copy = pickle.loads(pickle.dumps(error))

        assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_an_outage_may_have_had_an_effect_unless_it_is_certain_that_not() -> None:
    assert GatewayUnavailable("no answer").may_have_happened
