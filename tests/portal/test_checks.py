"""Each wrong combination of settings is named, with what to do."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.checks import CheckMessage
from pytest_django import Settings

from portal import checks

Check = Callable[..., list[CheckMessage]]
SERVER = {
    "EMBEDDED": False,
    "SANDBOX": False,
    "DEBUG": False,
    "HTTPS": True,
    "PORTAL_URL": "https://portal.example.edu",
    "TRUSTED_PROXY_COUNT": 1,
    "REDIS_URL": "redis://127.0.0.1/0",
    "GATEWAY_URL": "https://gateway.example.edu/olla/litellm/",
    "GATEWAY_PUBLIC_URL": "https://gateway.example.edu",
    "GATEWAY_ADMIN_KEY": "sk-of-the-gateway",
    "PLAYGROUND_KEY_SECRET": "p" * 60,
}
POSTGRES = "django.db.backends.postgresql"
SQLITE = "django.db.backends.sqlite3"
WRONG: list[tuple[Check, dict[str, Any], str]] = [
    (checks.portal_has_an_address, {"PORTAL_URL": "portal.example.edu"}, "portal.E001"),
    (checks.portal_has_an_address, {"PORTAL_URL": "https://example.edu/a portal"}, "portal.E001"),
    (checks.portal_has_an_address, {"PORTAL_URL": "https://example.edu/../portal"}, "portal.E001"),
    (checks.portal_is_encrypted, {"HTTPS": False}, "portal.E002"),
    (checks.a_proxy_is_trusted, {"TRUSTED_PROXY_COUNT": 0}, "portal.W003"),
    (checks.broker_can_be_shared, {"REDIS_URL": ""}, "portal.E005"),
    (checks.gateway_has_a_base_address, {"GATEWAY_URL": "gateway.example.edu"}, "portal.E006"),
    (checks.gateway_has_a_base_address, {"GATEWAY_URL": "https://gateway.example.edu/v1"}, "portal.E007"),
    (checks.gateway_has_a_base_address, {"GATEWAY_PUBLIC_URL": "https://example.edu/litellm/v1/"}, "portal.E007"),
    (checks.gateway_key_is_not_the_sandboxes, {"GATEWAY_ADMIN_KEY": "sk-sandbox-admin"}, "portal.E008"),
    (checks.secrets_can_be_sent, {"GATEWAY_ADMIN_KEY": "sk-of-the\tgateway"}, "portal.E030"),
    (checks.secrets_can_be_sent, {"GATEWAY_ADMIN_KEY": "sk-of the-gateway"}, "portal.E030"),
    (checks.secrets_can_be_sent, {"SECRET_KEY": "s" * 60 + "\r\n"}, "portal.E030"),
    (checks.secrets_can_be_sent, {"OIDC_CLIENT_SECRET": "secret\0"}, "portal.E030"),
    (checks.gateway_certificates_can_be_read, {"GATEWAY_CA_FILE": "/no/such/file.pem"}, "portal.E031"),
    (checks.gateway_certificates_can_be_read, {"GATEWAY_CA_FILE": __file__}, "portal.E031"),
    (checks.outgoing_proxy_has_an_address, {"GATEWAY_PROXY_URL": "proxy:3128"}, "portal.E032"),
    (checks.people_can_reach_the_gateway, {"GATEWAY_PUBLIC_URL": "http://localhost:4000"}, "portal.W009"),
    (checks.institution_is_complete, {"OIDC_CLIENT_ID": "portal"}, "portal.E010"),
    (checks.semesters_begin_on_days, {"SEMESTER_STARTS": ["09-01", "02-29"]}, "portal.E033"),
    (checks.semesters_begin_on_days, {"SEMESTER_STARTS": []}, "portal.E033"),
    (checks.currency_has_a_rate, {"CURRENCY": "euro", "CURRENCY_RATE": Decimal("0.92")}, "portal.E034"),
    (checks.currency_has_a_rate, {"CURRENCY": "USD", "CURRENCY_RATE": Decimal(1)}, "portal.E034"),
    (checks.currency_has_a_rate, {"CURRENCY": "EUR", "CURRENCY_RATE": Decimal("NaN")}, "portal.E035"),
    (checks.currency_has_a_rate, {"CURRENCY": "EUR", "CURRENCY_RATE": Decimal("-0.92")}, "portal.E035"),
    (checks.currency_has_a_rate, {"CURRENCY": "EUR", "CURRENCY_RATE": Decimal(0)}, "portal.E035"),
    (checks.currency_has_a_rate, {"CURRENCY": "", "CURRENCY_RATE": Decimal("0.92")}, "portal.E035"),
    (checks.nothing_is_debugged_in_public, {"DEBUG": True}, "portal.E011"),
    (checks.playground_secret_is_long, {"PLAYGROUND_KEY_SECRET": "short"}, "portal.E012"),
    (checks.titles_have_a_key, {"PLAYGROUND_TITLE_MODEL": "gpt-4o-mini"}, "portal.E036"),
    (checks.playground_secret_is_long, {"PLAYGROUND_KEY_SECRET": "s" * 60, "SECRET_KEY": "s" * 60}, "portal.E012"),
]
ALL: list[Check] = list({id(check): check for check, _, _ in WRONG}.values()) + [checks.database_can_be_shared]


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Pretend to be a server that is set up well."""
    for name, value in SERVER.items():
        setattr(settings, name, value)
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", POSTGRES)
    return settings


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
def test_a_server_that_is_set_up_well_passes(server: Settings, check: Check) -> None:
    assert check() == []


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
def test_the_embedded_mode_passes(check: Check) -> None:
    assert check() == []


@pytest.mark.parametrize(("check", "wrong", "found"), WRONG)
def test_names_each_wrong_combination(server: Settings, check: Check, wrong: dict[str, Any], found: str) -> None:
    for name, value in wrong.items():
        setattr(server, name, value)

    messages = check()

    assert [message.id for message in messages] == [found]
    assert all(message.hint for message in messages)


def test_names_a_database_that_only_one_machine_has(server: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(server.DATABASES["default"], "ENGINE", SQLITE)

    assert [message.id for message in checks.database_can_be_shared()] == ["portal.E004"]


def test_a_gateway_without_its_key_is_a_warning_where_one_only_tries(server: Settings) -> None:
    server.EMBEDDED = True
    server.GATEWAY_ADMIN_KEY = "sk-sandbox-admin"

    assert [message.is_serious() for message in checks.gateway_key_is_not_the_sandboxes()] == [False]


def test_reports_of_leaks_are_verified(settings: Settings) -> None:
    settings.LEAK_REPORTS_SECRET = "short"
    settings.LEAK_REPORTS_GITHUB_KEYS_URL = "http://keys.example"
    assert [error.id for error in checks.leak_reports_are_verified()] == ["portal.E037", "portal.E038"]
    settings.LEAK_REPORTS_SECRET = "a shared secret of the scanners, long enough"
    settings.LEAK_REPORTS_GITHUB_KEYS_URL = "https://keys.example"
    assert checks.leak_reports_are_verified() == []
