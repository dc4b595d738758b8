"""Sign-in of a command by a code that its owner confirms in the browser (RFC 8628)."""

from collections.abc import Callable, Iterator
from itertools import count, repeat
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AccessToken, User
from api.services import device as devices
from api.views.device import FROM_A_NETWORK, FROM_EVERYWHERE, GRANT_TYPE
from gateway.secret import Secret, token_of
from tests.api.conftest import is_refused_after
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db
PAGE = "/account/device/"


def begin(**data: str) -> Any:
    """Return the answer to a command that asks for a code; it has no cookie."""
    client = Client(enforce_csrf_checks=True)
    return client.post(reverse("api:device_authorize"), {"client_id": "x", "client_name": "a laptop", **data})


def collect(device_code: str) -> Any:
    """Ask for the token as a command does that has waited for five seconds."""
    cache.delete(f"api:device:asked:{token_of(Secret(device_code))}")
    return ask(device_code)


def ask(device_code: str) -> Any:
    data = {"grant_type": GRANT_TYPE, "device_code": device_code}
    return Client(enforce_csrf_checks=True).post(reverse("api:device_token"), data)


def test_a_command_gets_a_token_once_when_its_owner_approves(intern: User) -> None:
    begun = begin().json()
    browser, typed = signed_in(intern), begun["user_code"].lower().replace("-", " ")
    assert begun["verification_uri_complete"].endswith(f"{PAGE}?code={begun['user_code']}")
    assert begun["user_code"] in browser.get(begun["verification_uri_complete"]).content.decode()
    assert collect(begun["device_code"]).json() == {"error": "authorization_pending"}

    shown = browser.post(PAGE, {"code": typed}).content.decode()
    assert "a laptop" in shown
    assert "Create, renew, replace" in shown
    assert not AccessToken.objects.exists()
    approved = browser.post(PAGE, {"code": typed, "decision": "approve"})
    assert "Approved" in approved.content.decode()
    answer = collect(begun["device_code"])

    token = AccessToken.objects.get()
    assert (token.owner, token.scope_names) == (intern, frozenset(devices.SCOPES))
    assert (answer.status_code, answer["Cache-Control"]) == (
        200,
        "max-age=0, no-cache, no-store, must-revalidate, private",
    )
    me = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {answer.json()['access_token']}"})
    assert me.json()["username"] == "intern"
    assert collect(begun["device_code"]).json() == {"error": "expired_token"}
    assert browser.post(PAGE, {"code": typed, "decision": "approve"}).status_code == 422


def test_a_command_that_is_refused_or_whose_owner_left_gets_nothing(intern: User) -> None:
    for decision, is_active in (("refuse", True), ("approve", False)):
        begun = begin().json()
        signed_in(intern).post(PAGE, {"code": begun["user_code"], "decision": decision})
        User.objects.update(is_active=is_active)
        assert collect(begun["device_code"]).json() == {"error": "access_denied"}
    assert not AccessToken.objects.exists()


def test_an_approval_ends_with_all_access_tokens(intern: User) -> None:
    before, browser = begin().json(), signed_in(intern)
    browser.post(PAGE, {"code": before["user_code"], "decision": "approve"})
    browser.post(reverse("account_end_other_sessions"), {"tokens": "on"})
    after = begin().json()
    browser.post(PAGE, {"code": after["user_code"], "decision": "approve"})

    assert collect(before["device_code"]).json() == {"error": "access_denied"}
    assert "access_token" in collect(after["device_code"]).json()
    assert AccessToken.objects.count() == 1


def test_one_decision_counts(intern: User, staff: User) -> None:
    begun = begin().json()
    device = devices.find(begun["user_code"])
    assert device is not None
    assert devices.decide(device, owner=staff, approves=False)

    assert not devices.decide(device, owner=intern, approves=True)
    assert collect(begun["device_code"]).json() == {"error": "access_denied"}


def test_wrong_questions_are_refused_as_the_protocol_says() -> None:
    assert begin(scope="admin:write").json()["error"] == "invalid_scope"
    assert begin(client_name="a\u202eb").json()["error"] == "invalid_request"
    assert Client().post(reverse("api:device_token")).json()["error"] == "unsupported_grant_type"
    assert ask("unknown").json() == {"error": "expired_token"}
    code = begin().json()["device_code"]
    assert [ask(code).json()["error"] for _time in range(2)] == ["authorization_pending", "slow_down"]


def test_codes_cannot_be_guessed_nor_made_without_end(intern: User, settings: Settings) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 2
    browser = signed_in(intern)
    found = [browser.post(PAGE, {"code": "BBBB-BBBB"}).status_code for _time in range(3)]

    assert found == [422, 422, 429]
    assert is_refused_after(FROM_A_NETWORK, begin)


def test_one_network_cannot_use_up_the_codes_of_all() -> None:
    """A client of IPv6 has as many addresses as it likes, all in one network."""

    def begin_from(address: str, **data: str) -> Any:
        about = {"client_id": "x", **data}
        return Client(REMOTE_ADDR=address).post(reverse("api:device_authorize"), about)

    def from_each(addresses: Iterator[str]) -> Callable[[], Any]:
        return lambda: begin_from(next(addresses))

    changing = (f"2001:db8:0:1::{number}" for number in count(1))
    for addresses in (changing, repeat("::ffff:192.0.2.7"), repeat("198.51.100.7")):
        assert is_refused_after(FROM_A_NETWORK, from_each(addresses))
    for other in ("2001:db8:0:2::1", "::ffff:192.0.2.8", "198.51.100.8"):
        assert begin_from(other).status_code == 200
    wrong = {begin_from("203.0.113.9", scope="wrong").status_code for _time in range(FROM_EVERYWHERE)}
    assert wrong == {400}  # without a code they do not count
    assert begin_from("203.0.113.9").status_code == 200
    assert is_refused_after(FROM_EVERYWHERE, from_each(f"2001:db8:1:{number}::1" for number in count(1)))


def test_a_decision_needs_the_form(intern: User) -> None:
    begun = begin().json()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(intern)

    assert browser.post(PAGE, {"code": begun["user_code"], "decision": "approve"}).status_code == 403
    assert collect(begun["device_code"]).json() == {"error": "authorization_pending"}


def test_an_approval_needs_a_recent_sign_in(intern: User, settings: Settings) -> None:
    settings.FRESH_SIGN_IN_MINUTES = 15
    begun = begin().json()

    asked = signed_in(intern).post(PAGE, {"code": begun["user_code"], "decision": "approve"})

    assert asked.status_code == 403
    assert collect(begun["device_code"]).json() == {"error": "authorization_pending"}
