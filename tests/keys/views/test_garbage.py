"""A gateway with invalid answers: people learn about it, no page reports a wrong result, and never a 500."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from gateway.errors import GatewayError
from keys import services
from keys.models import Key, Token
from tests.gateway.stub import Reply, StubGateway, nested, raw, says
from tests.keys.actions import again, assert_at_rest, ending_in, issue, live_token, without_pauses, works
from tests.keys.views.pages import key_request, url_of, words_of
from tests.sandbox_process import Sandbox

LATER = (datetime.now(UTC) + timedelta(days=30)).isoformat()
NO_JSON: dict[str, Reply] = {
    "a page": raw("<html><h1>It works!</h1></html>", kind="text/html"),
    "half of JSON": raw('{"key": "sk-half-of-an-answer", "exp'),
    "nothing": raw(""),
    "no text": raw(b"\xff\xfe\x00"),
    "a deep list": nested,
    "not a number": raw('{"key": "sk-x", "expires": NaN}'),
    "a redirect": raw("", status=302),
    "a teapot": raw("short and stout", status=418),
}
NO_SHAPE: dict[str, Reply] = {
    "a list": says([]),
    "a number": says(7),
    "null": says(None),
    "an empty object": says({}),
    "wrong types": says({"key": ["sk-x"], "expires": 5, "info": "none", "keys": {}}),
    "a refusal of no shape": says([1], status=400),
    "a refusal with HTML": says({"error": {"message": "<script>alert(1)</script>"}}, status=400),
}
NO_SENSE: dict[str, Reply] = {
    "an end that is no time": says(
        {"key": "sk-garbage-1", "expires": "soon", "info": {"expires": "soon", "token": "x"}}
    ),
    "an end beyond all time": says({"key": "sk-garbage-2", "expires": "9999-12-31T23:59:59-14:00"}),
    "no end": says({"key": "sk-garbage-3", "info": {"token": "x"}}),
    "an empty secret": says({"key": "", "expires": None}),
    "NUL": says({"key": "\0", "expires": "\0", "info": {"expires": "\0"}}),
    "made, as 201": says({"key": "sk-garbage-4", "expires": LATER}, status=201),
}
GARBAGE = {**NO_JSON, **NO_SHAPE, **NO_SENSE}
ACTIONS = ("create", "renew", "rotate", "delete")
NOTHING_IS_WRONG = [("an empty secret", "renew")]  # no end is due there


@pytest.fixture
def due(intern: User, sandbox: Sandbox) -> Key:
    """Return a key that every act may be tried on."""
    return due_key(intern, sandbox)


def due_key(owner: User, sandbox: Sandbox, label: str = "thesis") -> Key:
    """Make a key that every act may be tried on."""
    return ending_in(issue(owner, label).key, sandbox, days=3)


@pytest.fixture
def nonsense(stub: StubGateway, settings: Settings, sandbox: Sandbox) -> Callable[[Reply], None]:
    """Return what puts a stub gateway in the place of the sandbox; it is asked again without a pause."""

    def answer(reply: Reply) -> None:
        stub.will(reply)
        settings.GATEWAY_URL = stub.url
        without_pauses()

    return answer


def act_on(client: Client, key: Key, action: str) -> Any:
    """Do what a person would."""
    return (
        client.post("/keys/create/", key_request("another")) if action == "create" else client.post(url_of(action, key))
    )


@pytest.mark.parametrize("garbage", [NO_JSON, NO_SHAPE, NO_SENSE], ids=["no JSON", "no shape", "no sense"])
def test_is_reported_in_the_layout_and_repaired(
    as_staff: Client,
    staff: User,
    sandbox: Sandbox,
    settings: Settings,
    nonsense: Callable[[Reply], None],
    garbage: dict[str, Reply],
) -> None:
    wrong: list[object] = []
    keys = {
        action: due_key(staff, sandbox, label=action) for action in ACTIONS
    }  # a key each, in addition to the created one
    for name, reply in garbage.items():
        keys = {action: as_new(key, sandbox) for action, key in keys.items()}
        nonsense(reply)
        for action, key in keys.items():
            if (name, action) not in NOTHING_IS_WRONG:
                wrong += [(name, action, problem) for problem in problems_of(act_on(as_staff, key, action))]
        settings.GATEWAY_URL = sandbox.url
        services.sweep_keys()
        assert_at_rest(sandbox)

    assert wrong == []


def as_new(key: Key, sandbox: Sandbox) -> Key:
    """Return a key that every act may be tried on: the same, where it is still there, which then is as it was."""
    now = Key.objects.prefetch_related("tokens").get(pk=key.pk)
    if now.state == Key.State.DELETED:
        return due_key(key.owner, sandbox, key.label)
    assert (now.state, now.retiring, now.renewing_since) == (Key.State.ACTIVE, None, None)
    assert now.expires_at
    assert key.expires_at
    assert abs(now.expires_at - key.expires_at) < timedelta(minutes=1)
    return now


def problems_of(response: Any) -> list[object]:
    """Return what is not as it should be in an answer about a gateway that answered nonsense."""
    page, words = response.content.decode(), words_of(response)
    true = {
        f"status {response.status_code}": response.status_code in (409, 502, 503),
        "no layout": "<!doctype html>" in page and 'id="main"' in page,
        "markup of the gateway's": "<script>alert" not in page,
        "a secret": "sk-garbage" not in words,
        "a key that nobody has": not Key.objects.filter(label="another", state=Key.State.ACTIVE).exists(),
    }
    return [problem for problem, holds in true.items() if not holds]


@pytest.mark.parametrize("action", ["create", "rotate"])
def test_a_secret_that_another_key_has_is_never_shown(
    as_intern: Client, due: Key, foreign_key: Key, sandbox: Sandbox, stub: StubGateway, settings: Settings, action: str
) -> None:
    known = sandbox.issued_secrets()[-1]
    info = {"info": {"expires": LATER, "token": live_token(due)}}
    made = {"key": known, "expires": LATER}
    stub.will(*([says(info)] if action == "rotate" else []), says(made))
    settings.GATEWAY_URL = stub.url

    response = act_on(as_intern, due, action)

    assert response.status_code == 503
    assert known not in response.content.decode()
    settings.GATEWAY_URL = sandbox.url
    services.sweep_keys()
    assert works(sandbox, known)
    assert live_token(foreign_key)
    assert_at_rest(sandbox)


def test_the_check_reports_an_invalid_answer(
    as_intern: Client, due: Key, sandbox: Sandbox, nonsense: Callable[[Reply], None]
) -> None:
    (secret,) = sandbox.issued_secrets()
    wrong: list[str] = []
    for name, reply in GARBAGE.items():
        nonsense(reply)
        response = as_intern.post("/keys/check/", {"secret": secret})
        if response.status_code != 200 or "It works" in words_of(response) or secret in response.content.decode():
            wrong.append(name)

    assert wrong == []


def test_tasks_change_nothing(due: Key, nonsense: Callable[[Reply], None]) -> None:
    Token.objects.update(state=Token.State.ISSUING, answer_lost=True)
    Key.objects.update(state=Key.State.ISSUING)
    before = list(Token.objects.values()), list(Key.objects.values())
    changed: list[str] = []
    for name, reply in GARBAGE.items():
        nonsense(reply)
        for task in (services.sync_keys, services.sweep_keys):
            with suppress(GatewayError):
                task()
        if (list(Token.objects.values()), list(Key.objects.values())) != before:
            changed.append(name)

    assert changed == []


@pytest.mark.parametrize(
    "settings_there",
    [
        {"max_budget": 1e14, "budget_duration": "30d"},
        {"max_budget": 0.000001},
        {"rpm_limit": 10**12, "tpm_limit": 10**12},
        {"rpm_limit": -5},
        {"budget_duration": "1000000000s"},
        {"key_alias": "x" * 500},
        {"key_alias": "a\u0000b\u202ec"},
        {"models": ["x" * 5000, "\u0000"]},
    ],
)
def test_a_key_made_outside_with_odd_settings_is_listed_and_does_not_stop_the_others(
    as_intern: Client,
    intern: User,
    sandbox: Sandbox,
    stub: StubGateway,
    settings: Settings,
    settings_there: dict[str, Any],
) -> None:
    plain = {"token": "a" * 64, "user_id": intern.gateway_user_id, "key_alias": "plain", "expires": None}
    odd = {"token": "b" * 64, "user_id": intern.gateway_user_id, "key_alias": "odd", "expires": None, **settings_there}
    stub.is_known()
    stub.will(says({"keys": [odd, plain], "total_pages": 1}))
    settings.GATEWAY_URL = stub.url

    assert services.sync_keys() == 2

    assert Key.objects.filter(kind=Key.Kind.EXTERNAL).count() == 2
    assert as_intern.get("/").status_code == 200
    for key in Key.objects.all():
        assert as_intern.get(url_of("detail", again(key))).status_code == 200
