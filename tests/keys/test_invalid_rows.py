"""An invalid row of the gateway is skipped and reported to admins; nothing stops, nothing is deleted."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from gateway.errors import GatewayUnavailable
from keys import services
from keys.catalogue import gateway_state, refresh_models
from keys.models import GatewayModel, Key, Token
from keys.services.sync import run_sync
from tests.factories import change_policies
from tests.gateway.stub import StubGateway, raw, says, stub_gateway
from tests.keys.actions import again, issue, live_token, set_at_gateway
from tests.sandbox_process import Sandbox

STRANGE: dict[str, Any] = {
    "an end of another spelling": {"expires": "24/12/2026"},
    "an end beyond the calendar": {"expires": "+12026-01-01T00:00:00Z"},
    "a text for a boolean": {"blocked": "false"},
    "null in a list": {"models": ["gpt-4o-mini", None]},
    "a name for a list": {"models": "gpt-4o-mini"},
    "metadata as text": {"metadata": "{}"},
    "a word for a sum": {"max_budget": "unlimited"},
    "a limit that no column holds": {"rpm_limit": 10**18},
    "a number for a name": {"key_alias": 7},
}


def spoil_row_of(sandbox: Sandbox, token: str, patch: dict[str, Any]) -> None:
    """Let the gateway's list have this row otherwise than it is."""
    rows = sandbox.call("GET", "/key/list?return_full_object=true&sort_by=token&sort_order=asc&size=100").json()["keys"]
    place = next(place for place, row in enumerate(rows) if row["token"] == token)
    sandbox.faults("/key/list", "odd", patch={"keys": {str(place): patch}}, times=9)


@pytest.mark.parametrize("patch", STRANGE.values(), ids=STRANGE)
def test_a_key_whose_row_cannot_be_read_stays_and_the_others_are_compared(
    intern: User, sandbox: Sandbox, patch: dict[str, Any]
) -> None:
    key, other = issue(intern).key, issue(intern, "other").key
    set_at_gateway(sandbox, live_token(other), duration="2d")
    spoil_row_of(sandbox, live_token(key), patch)

    report = run_sync()

    assert report.unreadable == [live_token(key)]
    assert (report.gone, report.updated) == ([], [other.pk])
    assert again(key).state == Key.State.ACTIVE


def test_keys_with_rows_without_a_token_do_not_count_as_deleted(intern: User, admin: User, sandbox: Sandbox) -> None:
    """Neither one by one, nor as "many keys are missing"."""
    change_policies(max_live_keys=None)
    keys = [issue(intern, f"key {number}").key for number in range(7)]
    sandbox.faults("/key/list", "odd", patch={"keys": {str(at): {"token": None} for at in range(7)}}, times=9)

    report = run_sync()

    assert len(report.unreadable) == 7
    assert {again(key).state for key in keys} == {Key.State.ACTIVE}
    assert "7 keys at the gateway have invalid values" in mail.outbox[0].body


def test_an_invalid_row_without_a_token_does_not_fail_the_run(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    sandbox.faults("/key/list", "odd", patch={"keys": {"0": {"token": None}}}, times=9)
    sandbox.faults("/key/info", "odd", patch={"info": {"models": [None]}}, times=9)

    report = run_sync()

    assert report.gone == []
    assert again(key).state == Key.State.ACTIVE


def test_rows_that_are_no_objects_are_skipped(intern: User, sandbox: Sandbox) -> None:
    issue(intern)
    sandbox.faults("/key/list", "odd", patch={"keys": [None, "sk-...", 7, [], {}]}, times=9)

    assert run_sync().unreadable == [""] * 5


@pytest.fixture
def stub(settings: Settings) -> Iterator[StubGateway]:
    """Point the portal at a gateway that says what a test wants."""
    with stub_gateway() as gateway:
        settings.GATEWAY_URL = gateway.url
        gateway.is_known()
        yield gateway


@pytest.mark.django_db
@pytest.mark.parametrize("number", ["NaN", "-Infinity", "9" * 5000, "1e999999", "-0.0e-99999"])
def test_an_invalid_number_affects_its_own_row_only(stub: StubGateway, intern: User, number: str) -> None:
    good = f'{{"token": "{"a" * 64}", "expires": null, "user_id": "{intern.gateway_user_id}", "key_alias": "mine"}}'
    odd = f'{{"token": "{"b" * 64}", "expires": null, "user_id": "x", "spend": {number}, "tpm_limit": {number}}}'
    stub.will(raw(f'{{"keys": [{odd}, {good}], "total_pages": 1}}', kind="application/json"))

    run_sync()

    assert Token.objects.get().token == "a" * 64


# --- Models -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "row",
    [None, "gpt", {}, {"model_name": None}, {"model_name": ["a"]}, {"model_name": ""}],
    ids=str,
)
def test_an_invalid_model_removes_no_other(admin: User, sandbox: Sandbox, row: object) -> None:
    refresh_models()
    before = set(GatewayModel.objects.values_list("name", flat=True))
    spoilt = {"0": row} if not isinstance(row, dict) else {"0": {"model_name": None, **row}}
    sandbox.faults("/model/info", "odd", patch={"data": spoilt}, times=9)

    refresh_models()

    state = gateway_state()
    assert state.problem == ""
    assert state.models_at == state.checked_at
    assert set(GatewayModel.objects.values_list("name", flat=True)) == before
    assert "1 model" in mail.outbox[0].body


@pytest.mark.parametrize(
    ("price", "shown"),
    [(1e18, "1e+18"), ("free", "a text"), (-1e-06, "-0.000001"), (True, "bool"), (0.15, "150,000"), (40, "4e+7")],
    ids=str,
)
def test_an_absurd_price_is_flagged_and_shown(as_admin: Client, sandbox: Sandbox, price: object, shown: str) -> None:
    patch = {"data": {"0": {"model_info": {"input_cost_per_token": price}}}}
    sandbox.faults("/model/info", "odd", patch=patch, times=9)

    refresh_models()

    page = as_admin.get(reverse("catalogue:index")).content.decode()
    assert page.count("The gateway reports an invalid price") == 1
    assert shown in page.replace("\u00a0", ",").replace("\u202f", ",")
    assert GatewayModel.objects.exclude(input_usd_per_million=None).count() >= 2  # the others have theirs


@pytest.mark.django_db
def test_a_list_of_models_without_a_valid_one_is_refused(stub: StubGateway) -> None:
    healthy = says({"status": "healthy", "db": "connected"})
    stub.will(healthy, healthy, says({"data": [{"model_name": None}, 5]}))

    refresh_models()

    assert gateway_state().problem == "models_unread"


def test_a_list_of_keys_of_the_wrong_type_stops_the_run(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    sandbox.faults("/key/list", "odd", patch={"keys": "none"}, times=9)

    with pytest.raises(GatewayUnavailable):
        services.sync_keys()

    assert again(key).state == Key.State.ACTIVE
