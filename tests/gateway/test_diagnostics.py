"""The check of a gateway reports each fault with a hint, and leaves nothing behind."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from gateway.client import Gateway
from gateway.diagnostics import PROBE_LIFETIMES_DAYS, Finding, examine
from gateway.secret import token_of
from tests.gateway.conftest import ADMIN_KEY
from tests.gateway.stub import Handler, Reply, StubGateway, recorded, says


class Keeper:
    """Answers as a healthy gateway that keeps keys; a test puts its fault in place of one path's answer."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}  # alias to token
        self.made = 0
        self.skew = timedelta()
        self.lifetimes: dict[int, timedelta] = {}  # in place of so many days
        self.routes = ["llm_api_routes"]
        self.faults: dict[str, Reply] = {}

    def __call__(self, handler: Handler) -> None:
        asked = handler.stub.last
        reply = self.faults.get(asked.path) or self.answer(asked.path, asked.query, asked.body)
        reply(handler)

    def answer(self, path: str, query: dict[str, str], body: Any) -> Reply:
        answers: dict[str, Callable[[], Reply]] = {
            "/health/liveliness": lambda: recorded("health", "liveliness"),
            "/health/readiness": lambda: recorded("health", "readiness"),
            "/health/readiness/details": lambda: recorded("health", "details"),
            "/v1/models": lambda: recorded("models", "names"),
            "/team/update": lambda: recorded("teams", "unknown team"),
            "/key/list": lambda: says({"keys": self.listed(query.get("key_alias")), "total_pages": 1}),
            "/key/info": lambda: says(
                {"info": {"expires": None, "allowed_routes": self.routes, "created_at": self.now().isoformat()}}
            ),
            "/key/generate": lambda: says(self.generate(body)),
            "/key/delete": lambda: self.delete(body["keys"]),
        }
        return answers[path]()

    def listed(self, alias: str | None) -> list[dict[str, object]]:
        return [{"token": token, "expires": None} for name, token in self.keys.items() if alias in (None, name)]

    def generate(self, body: Any) -> dict[str, object]:
        self.made += 1
        secret = body.get("key", f"sk-made-by-the-gateway-{self.made}")
        self.keys[body["key_alias"]] = token_of(secret)
        asked_days = int(body["duration"].removesuffix("d"))
        assert asked_days in PROBE_LIFETIMES_DAYS
        lived = self.lifetimes.get(asked_days, timedelta(days=asked_days))
        return {"key": secret, "expires": (self.now() + lived).isoformat()}

    def now(self) -> datetime:
        return datetime.now(UTC) + self.skew

    def delete(self, tokens: list[str]) -> Reply:
        known = {alias: token for alias, token in self.keys.items() if token in tokens}
        for alias in known:
            del self.keys[alias]
        return says({"deleted_keys": tokens}) if known else recorded("keys", "delete unknown")


@pytest.fixture
def keeper(stub: StubGateway) -> Keeper:
    keeper = Keeper()
    stub.will(keeper)
    return keeper


def failures(gateway: Gateway) -> list[Finding]:
    return [finding for finding in examine(gateway) if not finding.ok]


def test_a_healthy_gateway_is_found_so_and_left_as_it_was(keeper: Keeper, gateway_without_pauses: Gateway) -> None:
    findings = list(examine(gateway_without_pauses))

    assert [finding.text for finding in findings if not finding.ok] == []
    assert all(not finding.advice for finding in findings)
    given = "\n".join(finding.text for finding in findings)
    for words in ("answers at", "healthy", "1.106.2", "gpt-4o-mini, embedding", "make keys", "clock", "choose"):
        assert words in given
    assert keeper.made == 2
    assert keeper.keys == {}


UNREACHABLE = says({"detail": "Not Found"}, status=404)
BUSY = says({}, status=503)


@pytest.mark.parametrize(
    ("path", "fault", "text", "advice"),
    [
        ("/health/liveliness", UNREACHABLE, "No gateway answers", "GATEWAY_URL"),
        ("/health/readiness", BUSY, "not ready", "database"),
        ("/health/readiness", says({"status": "healthy", "db": "Not connected"}), "Not connected", "DATABASE_URL"),
        ("/key/list", recorded("errors", "wrong key"), "refuses our admin key", "GATEWAY_ADMIN_KEY"),
        ("/key/list", BUSY, "cannot list its keys", "log"),
        ("/v1/models", BUSY, "cannot list its models", "log"),
        ("/v1/models", says({"data": []}), "no models", "model_list"),
        ("/team/update", UNREACHABLE, "has no teams", "/team/new"),
        ("/team/update", says({"detail": "Method Not Allowed"}, status=405), "has no teams", "/team/new"),
        ("/key/info", BUSY, "cannot show the key", "log"),
        ("/key/delete", BUSY, "could not be deleted", "passerelle-check-"),
    ],
)
def test_a_fault_is_reported_with_a_hint(
    keeper: Keeper, gateway_without_pauses: Gateway, path: str, fault: Reply, text: str, advice: str
) -> None:
    keeper.faults[path] = fault

    found = failures(gateway_without_pauses)[0]

    assert text in found.text
    assert advice in found.advice


def test_an_unknown_version_is_no_fault(keeper: Keeper, gateway_without_pauses: Gateway) -> None:
    keeper.faults["/health/readiness/details"] = UNREACHABLE

    findings = list(examine(gateway_without_pauses))

    assert all(finding.ok for finding in findings)
    assert any("unknown version" in finding.text for finding in findings)


def test_an_admin_key_that_may_not_make_keys(keeper: Keeper, gateway_without_pauses: Gateway) -> None:
    keeper.faults["/key/generate"] = recorded("errors", "management route with a virtual key")

    own, custom = failures(gateway_without_pauses)

    assert "may not make keys" in own.text
    assert "proxy_admin" in own.advice
    assert "does not let us choose" in custom.text


@pytest.mark.parametrize(("hours", "way"), [(1, "3600 s ahead of"), (-1, "3600 s behind")])
def test_clocks_that_disagree(keeper: Keeper, gateway_without_pauses: Gateway, hours: int, way: str) -> None:
    keeper.skew = timedelta(hours=hours)

    (found,) = failures(gateway_without_pauses)

    assert way in found.text
    assert "NTP" in found.advice


@pytest.mark.parametrize(("asked_days", "hours"), [(30, 50), (7, 3), (30, 24 * 365)])
def test_a_version_that_ignores_lifetimes_is_reported(
    keeper: Keeper, gateway_without_pauses: Gateway, asked_days: int, hours: int
) -> None:
    keeper.lifetimes[asked_days] = timedelta(hours=hours)

    (found,) = failures(gateway_without_pauses)

    assert "LiteLLM 1.106.2 does not keep the lifetime that it is asked for" in found.text
    assert f"a key for {asked_days} days got {hours / 24:.1f}" in found.text
    assert "refuses to make keys" in found.advice


def test_keys_that_can_do_more_than_call_models(keeper: Keeper, gateway_without_pauses: Gateway) -> None:
    keeper.routes = []

    (found,) = failures(gateway_without_pauses)

    assert "more than call models" in found.text
    assert keeper.keys == {}


def test_custom_keys_refused(keeper: Keeper, gateway_without_pauses: Gateway) -> None:
    def refuse_custom(handler: Handler) -> None:
        body = handler.stub.last.body
        (says({"detail": "custom keys are disabled"}, status=403) if "key" in body else says(keeper.generate(body)))(
            handler
        )

    keeper.faults["/key/generate"] = refuse_custom

    (found,) = failures(gateway_without_pauses)

    assert "does not let us choose" in found.text
    assert "disable_custom_api_keys" in found.advice
    assert keeper.keys == {}


def test_custom_keys_ignored(keeper: Keeper, gateway_without_pauses: Gateway) -> None:
    def ignore_custom(handler: Handler) -> None:
        body = {name: value for name, value in handler.stub.last.body.items() if name != "key"}
        says(keeper.generate(body))(handler)

    keeper.faults["/key/generate"] = ignore_custom

    (found,) = failures(gateway_without_pauses)

    assert "ignores a secret" in found.text
    assert keeper.keys == {}


@pytest.mark.parametrize("lost", ["answer", "connection"])
def test_deletes_keys_whose_creation_was_not_confirmed(
    keeper: Keeper, gateway_without_pauses: Gateway, lost: str
) -> None:
    def make_and_lose(handler: Handler) -> None:
        keeper.generate(handler.stub.last.body)
        handler.close_connection = lost == "connection"
        if lost == "answer":
            handler.send(200, json.dumps({"key": 7}).encode())

    keeper.faults["/key/generate"] = make_and_lose

    found = failures(gateway_without_pauses)

    assert [finding.text.split(".")[0] for finding in found] == [
        "The gateway could not make a key",
        "The gateway could not make a key with a secret of ours",
    ]
    assert keeper.made == 2
    assert keeper.keys == {}


def test_an_interrupted_check_leaves_nothing_behind(keeper: Keeper, gateway_without_pauses: Gateway) -> None:
    findings = examine(gateway_without_pauses)
    while not keeper.made:
        next(findings)
    assert keeper.keys
    findings.close()

    assert keeper.keys == {}


def test_the_command_prints_and_succeeds(
    stub: StubGateway, keeper: Keeper, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.GATEWAY_URL, settings.GATEWAY_ADMIN_KEY = stub.url, ADMIN_KEY

    call_command("check_gateway")

    out = capsys.readouterr().out
    assert "ok   A gateway answers at" in out
    assert "FAIL" not in out
    assert ADMIN_KEY not in out


def test_the_command_fails_with_advice(
    stub: StubGateway, keeper: Keeper, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.GATEWAY_URL, settings.GATEWAY_ADMIN_KEY = stub.url, ADMIN_KEY
    keeper.skew = timedelta(hours=1)

    with pytest.raises(CommandError, match="1 of the checks failed") as failure:
        call_command("check_gateway")

    assert failure.value.returncode == 1
    out = capsys.readouterr().out
    assert "FAIL The gateway's clock" in out
    assert "     Let both machines keep time" in out
