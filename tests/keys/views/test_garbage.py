"""A gateway that answers nonsense: people are told so, nothing is claimed that is not so, and never a 500."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from gateway.errors import GatewayError
from keys import services
from keys.models import Key, Token
from tests.gateway.loopback import Paper, Reply, raw, says
from tests.keys.acts import again, assert_at_rest, ending_in, issue, live_token, works
from tests.keys.views.pages import assert_in_layout, key_request, url_of, words_of
from tests.sandbox_process import Sandbox

LATER = (datetime.now(UTC) + timedelta(days=30)).isoformat()
GARBAGE: dict[str, Reply] = {
    "a page": raw("<html><h1>It works!</h1></html>", kind="text/html"),
    "half of JSON": raw('{"key": "sk-half-of-an-answer", "exp'),
    "nothing": raw(""),
    "no text": raw(b"\xff\xfe\x00"),
    "a list": says([]),
    "a number": says(7),
    "null": says(None),
    "an empty object": says({}),
    "a deep list": raw("[" * 100_000),
    "not a number": raw('{"key": "sk-x", "expires": NaN}'),
    "wrong types": says({"key": ["sk-x"], "expires": 5, "info": "none", "keys": {}}),
    "an end that is no time": says(
        {"key": "sk-garbage-1", "expires": "soon", "info": {"expires": "soon", "token": "x"}}
    ),
    "an end beyond all time": says({"key": "sk-garbage-2", "expires": "9999-12-31T23:59:59-14:00"}),
    "no end": says({"key": "sk-garbage-3", "info": {"token": "x"}}),
    "an empty secret": says({"key": "", "expires": None}),
    "NUL": says({"key": "\0", "expires": "\0", "info": {"expires": "\0"}}),
    "a redirect": raw("", status=302),
    "made, as 201": says({"key": "sk-garbage-4", "expires": LATER}, status=201),
    "a refusal of no shape": says([1], status=400),
    "a refusal with HTML": says({"error": {"message": "<script>alert(1)</script>"}}, status=400),
    "a teapot": raw("short and stout", status=418),
}
ACTS = ("create", "renew", "rotate", "delete")


@pytest.fixture
def due(intern: User, sandbox: Sandbox) -> Key:
    """Return a key that every act may be tried on."""
    return ending_in(issue(intern).key, sandbox, days=3)


@pytest.fixture
def nonsense(paper: Paper, settings: Settings, due: Key) -> Callable[[Reply], None]:
    """Return what puts a gateway of paper in the place of the sandbox."""

    def answer(reply: Reply) -> None:
        paper.will(reply)
        settings.GATEWAY_URL = paper.url

    return answer


def act_on(client: Client, key: Key, act: str) -> Any:
    """Do what a person would."""
    return client.post("/keys/create/", key_request("another")) if act == "create" else client.post(url_of(act, key))


@pytest.mark.parametrize(
    ("name", "act"),
    [
        (name, act) for name in GARBAGE for act in ACTS if (name, act) != ("an empty secret", "renew")
    ],  # none is due there
)
def test_is_told_in_the_layout_and_healed(
    as_intern: Client,
    due: Key,
    sandbox: Sandbox,
    settings: Settings,
    nonsense: Callable[[Reply], None],
    name: str,
    act: str,
) -> None:
    nonsense(GARBAGE[name])

    response = act_on(as_intern, due, act)

    assert response.status_code in (409, 502, 503)
    assert_in_layout(response)
    assert "<script>alert" not in response.content.decode()
    assert "sk-garbage" not in words_of(response)
    assert not Key.objects.filter(label="another", state=Key.State.ACTIVE).exists()
    settings.GATEWAY_URL = sandbox.url
    services.sweep_keys()
    assert_at_rest(sandbox)


@pytest.mark.parametrize("act", ["create", "rotate"])
def test_a_secret_that_is_somebodys_already_is_shown_to_nobody(
    as_intern: Client, due: Key, foreign_key: Key, sandbox: Sandbox, paper: Paper, settings: Settings, act: str
) -> None:
    known = sandbox.issued_secrets()[-1]
    info = {"info": {"expires": LATER, "token": live_token(due)}}
    made = {"key": known, "expires": LATER}
    paper.will(*([says(info)] if act == "rotate" else []), says(made))
    settings.GATEWAY_URL = paper.url

    response = act_on(as_intern, due, act)

    assert response.status_code == 503
    assert known not in response.content.decode()
    settings.GATEWAY_URL = sandbox.url
    services.sweep_keys()
    assert works(sandbox, known)
    assert live_token(foreign_key)
    assert_at_rest(sandbox)


@pytest.mark.parametrize("name", GARBAGE)
def test_the_check_says_that_the_gateway_does_not_answer_well(
    as_intern: Client, sandbox: Sandbox, nonsense: Callable[[Reply], None], name: str
) -> None:
    (secret,) = sandbox.issued_secrets()
    nonsense(GARBAGE[name])

    response = as_intern.post("/keys/check/", {"secret": secret})

    assert response.status_code == 200
    assert "It works" not in words_of(response)
    assert secret not in response.content.decode()


@pytest.mark.parametrize("name", GARBAGE)
def test_tasks_change_nothing(due: Key, nonsense: Callable[[Reply], None], name: str) -> None:
    Token.objects.update(state=Token.State.ISSUING, answer_lost=True)
    Key.objects.update(state=Key.State.ISSUING)
    before = list(Token.objects.values()), list(Key.objects.values())
    nonsense(GARBAGE[name])

    for task in (services.sync_keys, services.sweep_keys):
        try:
            task()
        except GatewayError:
            continue

    assert (list(Token.objects.values()), list(Key.objects.values())) == before


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
    as_intern: Client, intern: User, sandbox: Sandbox, paper: Paper, settings: Settings, settings_there: dict[str, Any]
) -> None:
    plain = {"token": "a" * 64, "user_id": intern.gateway_user_id, "key_alias": "plain", "expires": None}
    odd = {"token": "b" * 64, "user_id": intern.gateway_user_id, "key_alias": "odd", "expires": None, **settings_there}
    paper.is_known()
    paper.will(says({"keys": [odd, plain], "total_pages": 1}))
    settings.GATEWAY_URL = paper.url

    assert services.sync_keys() == 2

    assert Key.objects.filter(kind=Key.Kind.EXTERNAL).count() == 2
    assert as_intern.get("/").status_code == 200
    for key in Key.objects.all():
        assert as_intern.get(url_of("detail", again(key))).status_code == 200
