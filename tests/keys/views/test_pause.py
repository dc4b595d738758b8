"""Pausing and resuming a key: by its owner, whatever else happens to it, and never against a block of others."""

from datetime import timedelta

import pytest
from django.test import Client, override_settings
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEntry, User
from keys import services
from keys.models import Key, Token
from keys.services.ceilings import hold_keys_of
from tests.keys.actions import BY_TEST, again, ending_in, issue
from tests.keys.views.pages import assert_form, assert_not_found, assert_only, everything, url_of, words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox

STATE = "Paused by owner"


def blocked_at(sandbox: Sandbox) -> list[bool]:
    """Return of each key at the gateway whether it is blocked."""
    return [bool(row["blocked"]) for row in sandbox.live_keys()]


@pytest.fixture
def paused(key: Key, sandbox: Sandbox) -> Key:
    services.pause_key(key=again(key), actor=BY_TEST)
    return again(key)


def test_pauses_and_resumes(as_intern: Client, intern: User, key: Key, sandbox: Sandbox, way: dict[str, str]) -> None:
    response = as_intern.post(url_of("pause", key), headers=way, follow=True)

    assert response.status_code == 200
    assert_form(response, way)
    assert "Paused: the gateway refuses “thesis” until you resume it." in words_of(response)
    assert STATE in words_of(response)
    assert "The gateway refuses it until it is resumed." in words_of(as_intern.get(url_of("detail", key)))
    assert blocked_at(sandbox) == [True]

    response = as_intern.post(url_of("resume", key), headers=way, follow=True)

    assert "Resumed: “thesis” works again." in words_of(response)
    assert STATE not in words_of(response)
    assert blocked_at(sandbox) == [False]
    entries = AuditEntry.objects.of_key(key.pk).filter(actor=intern)
    assert [entry.action for entry in entries][:2] == ["resume", "pause"]


def test_a_pause_survives_renewal_sweep_sync_grace_and_budget(
    as_intern: Client, intern: User, key: Key, sandbox: Sandbox
) -> None:
    services.rotate_key(key=again(key), actor=BY_TEST)
    ending_in(key, sandbox, days=3)
    services.pause_key(key=again(key), actor=BY_TEST)
    assert blocked_at(sandbox) == [True, True]

    assert as_intern.post(url_of("renew", key)).status_code == 302
    Token.objects.filter(state=Token.State.RETIRING).update(retires_at=timezone.now())
    services.sweep_keys()
    services.sync_keys()
    assert hold_keys_of({intern.pk}) == 1
    assert as_intern.post(url_of("resume", key)).status_code == 409  # while the budget is used up
    assert hold_keys_of(set()) == 1
    for is_active in (False, True):
        User.objects.filter(pk=intern.pk).update(is_active=is_active)
        services.sweep_keys()

    assert again(key).is_paused
    assert blocked_at(sandbox) == [True]
    assert (again(key).expires_at or timezone.now()) > timezone.now() + timedelta(days=29)
    assert as_intern.post(url_of("rotate", key)).status_code == 409
    services.resume_key(key=again(key), actor=BY_TEST)
    assert blocked_at(sandbox) == [False]


@pytest.mark.parametrize("first_paused", [False, True])
def test_the_owner_cannot_resume_a_key_blocked_by_an_admin(
    as_intern: Client, key: Key, sandbox: Sandbox, first_paused: bool
) -> None:
    if first_paused:
        services.pause_key(key=again(key), actor=BY_TEST)
    as_read = again(key)
    services.block_key(key=again(key), actor=BY_TEST)
    before = everything(sandbox)

    for action in ("resume", "pause"):
        assert as_intern.post(url_of(action, key)).status_code == 409
    with pytest.raises(services.KeyRefused):  # as a tab has it that was opened before
        services.resume_key(key=as_read, actor=BY_TEST)

    assert everything(sandbox) == before
    assert STATE not in words_of(as_intern.get("/"))


def test_a_block_at_the_gateway_is_resumed_there_only(as_intern: Client, paused: Key, sandbox: Sandbox) -> None:
    token = paused.live_token
    assert token
    for path in ("unblock", "block"):
        sandbox.call("POST", f"/key/{path}", body={"key": token.token}).raise_for_status()
        services.sync_keys()

    assert as_intern.post(url_of("resume", paused)).status_code == 409


@pytest.mark.parametrize("action", ["pause", "resume"])
@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_the_sweep_repairs_a_lost_answer(
    as_intern: Client, key: Key, sandbox: Sandbox, action: str, fault: str
) -> None:
    if action == "resume":
        services.pause_key(key=again(key), actor=BY_TEST)
    sandbox.faults("/key/block" if action == "pause" else "/key/unblock", fault, times=5)

    answer = as_intern.post(url_of(action, key))

    assert answer.status_code == 503
    sandbox.clear_faults()
    with override_settings(KEY_ANSWER_DEADLINE_S=0):
        services.sweep_keys()
    is_paused = (action == "pause") == (fault == "drop_after")
    assert (again(key).is_paused, again(key).blocked) == (is_paused, is_paused)
    assert blocked_at(sandbox) == [is_paused]
    assert again(key).renewing_since is None


def test_an_unavailable_gateway_changes_nothing(
    as_intern: Client, key: Key, sandbox: Sandbox, settings: Settings
) -> None:
    before = everything(sandbox)
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    response = as_intern.post(url_of("pause", key))

    assert response.status_code == 503
    assert "Nothing has changed; try again in a minute." in words_of(response)
    assert everything(sandbox) == before


def test_a_supervisor_pauses_the_key_of_an_intern(as_staff: Client, staff: User, sandbox: Sandbox) -> None:
    key = issue(staff, intern_name="Ada").key

    assert as_staff.post(url_of("pause", key)).status_code == 302

    assert again(key).is_paused


def test_a_secret_that_is_being_replaced_is_not_handed_out_for_a_paused_key(key: Key, sandbox: Sandbox) -> None:
    as_read = again(key)
    services.pause_key(key=again(key), actor=BY_TEST)

    with pytest.raises(services.KeyRefused, match="paused"):
        services.rotate_key(key=as_read, actor=BY_TEST)


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_a_strangers_key_is_not_found(as_intern: Client, foreign_key: Key, sandbox: Sandbox, action: str) -> None:
    assert_not_found(as_intern, foreign_key, action, sandbox)
    assert_only(as_intern, url_of(action, foreign_key), "post")
