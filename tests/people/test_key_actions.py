"""Actions of admins on somebody's key: block, unblock, extend, delete, also when the gateway fails."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditAction, AuditEntry, AuditOutcome, User
from keys import services
from keys.models import Key
from keys.services.refusals import FOR_ADMINS, REASONS
from tests.factories import make_policy
from tests.keys.actions import BY_TEST, again, assert_at_rest, delete_at_gateway, issue, works
from tests.keys.views.pages import words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks

ACTIONS = {
    "block_key": AuditAction.BLOCK,
    "unblock_key": AuditAction.UNBLOCK,
    "extend_key": AuditAction.RENEW,
    "delete_key": AuditAction.DELETE,
}
PATHS = {"block_key": "/key/block", "unblock_key": "/key/unblock", "extend_key": "/key/update"}


@pytest.fixture
def key(intern: User, sandbox: Sandbox) -> Key:
    return issue(intern).key


def url_of(name: str, key: Key) -> str:
    return reverse(f"people:{name}", args=[key.owner_id, key.pk])


def blocked_at(sandbox: Sandbox) -> list[bool]:
    """Return whether each live key at the gateway is blocked."""
    return [bool(row["blocked"]) for row in sandbox.live_keys()]


def outcomes(key: Key) -> list[tuple[str, str]]:
    """Return what was done with the key since it was made, oldest first."""
    return [(entry.action, entry.outcome) for entry in AuditEntry.objects.of_key(key.pk).order_by("pk")][1:]


def prepare(name: str, key: Key) -> None:
    """Bring the key to where the action makes sense."""
    if name == "unblock_key":
        services.block_key(key=again(key), actor=BY_TEST)


@pytest.mark.parametrize(
    ("name", "title", "done"),
    [
        ("block_key", "Block “thesis”?", "Blocked: the gateway refuses “thesis” until you unblock it."),
        ("unblock_key", "Unblock “thesis”?", "Unblocked: “thesis” works again."),
        ("extend_key", "Extend “thesis”?", "Extended: “thesis” has another lifetime from now."),
        ("delete_key", "Delete “thesis”?", "Deleted: the gateway refuses “thesis” from now on."),
    ],
)
def test_asks_does_says_so_and_tells_the_owner(
    as_manager: Client, key: Key, sandbox: Sandbox, name: str, title: str, done: str
) -> None:
    prepare(name, key)
    before = sandbox.live_keys()

    asked = words_of(as_manager.get(url_of(name, key)))
    assert title in asked
    assert "It is a key of Intern A." in asked
    assert sandbox.live_keys() == before
    response = as_manager.post(url_of(name, key), follow=True)

    assert done in words_of(response)
    run_tasks()
    assert [message.to for message in mail.outbox] == [["intern@example.edu"]]
    assert "thesis" in mail.outbox[0].subject
    assert "Manager M" in mail.outbox[0].body
    entry = AuditEntry.objects.of_key(key.pk)[0]
    assert (entry.action, entry.outcome, entry.actor_name) == (ACTIONS[name], AuditOutcome.DONE, "Manager M")


def test_a_blocked_key_stays_so_through_sync_and_sweep_until_it_is_unblocked(
    as_manager: Client, key: Key, sandbox: Sandbox
) -> None:
    as_manager.post(url_of("block_key", key))
    services.sync_keys()
    services.sweep_keys()

    assert (again(key).blocked, again(key).blocked_by_portal, blocked_at(sandbox)) == (True, False, [True])
    as_manager.post(url_of("unblock_key", key))
    assert (again(key).blocked, blocked_at(sandbox)) == (False, [False])
    assert_at_rest(sandbox)


def test_blocks_the_old_secret_of_a_rotation_too(as_manager: Client, key: Key, sandbox: Sandbox) -> None:
    services.rotate_key(key=again(key), actor=BY_TEST)

    as_manager.post(url_of("block_key", key))
    assert blocked_at(sandbox) == [True, True]

    as_manager.post(url_of("unblock_key", key))
    assert blocked_at(sandbox) == [False, False]


def test_extends_a_key_early_by_what_the_policy_gives_now(as_manager: Client, key: Key) -> None:
    make_policy("Interns", max_live_keys=3, lifetime_days=90, budget_usd=9)

    as_manager.post(url_of("extend_key", key))

    changed = again(key)
    assert changed.expires_at is not None
    assert timedelta(days=89) < changed.expires_at - timezone.now() <= timedelta(days=90)
    assert changed.budget_usd == 9
    with pytest.raises(services.KeyRefused, match="can be renewed from"):  # the owner may not
        services.renew_key(key=changed, actor=BY_TEST)


def test_a_refusal_speaks_of_the_owner_to_the_admin(as_manager: Client, key: Key, intern: User) -> None:
    issue(intern, "another")
    make_policy("Interns", max_live_keys=1)

    response = as_manager.post(url_of("extend_key", key))

    assert response.status_code == 409
    assert "Keys that the owner has: 2; their policy allows 1 now." in words_of(response)
    assert "You have" not in words_of(response).partition("History")[0]


def test_no_refusal_for_an_admin_speaks_of_their_own_keys() -> None:
    details = {
        "live": 3,
        "most": 2,
        "when": "2026-12-24T10:00:00+00:00",
        "group": "Vision",
        "first_day": "2026-12-01",
    }
    said = {reason: services.KeyRefused(reason, **details).for_admin.lower() for reason in FOR_ADMINS}

    assert FOR_ADMINS.keys() <= REASONS.keys()
    assert [reason for reason, words in said.items() if re.search(r"\byou\b|\byour\b|administrators", words)] == []


@pytest.mark.parametrize(
    ("name", "words"), [("block_key", "is blocked already"), ("extend_key", "is blocked"), ("unblock_key", None)]
)
def test_a_refusal_is_said_on_the_page(
    as_manager: Client, key: Key, sandbox: Sandbox, name: str, words: str | None
) -> None:
    if words:
        as_manager.post(url_of("block_key", key))

    response = as_manager.post(url_of(name, key))

    assert response.status_code == 409
    assert (words or "is not blocked") in words_of(response)
    assert blocked_at(sandbox) == [bool(words)]


def test_a_key_of_an_inactive_owner_is_unblocked_with_the_account_only(
    as_manager: Client, key: Key, sandbox: Sandbox
) -> None:
    as_manager.post(reverse("people:deactivate", args=[key.owner_id]))
    services.sweep_keys()

    response = as_manager.post(url_of("unblock_key", key))

    assert response.status_code == 409
    assert "activate the account first" in words_of(response)
    assert blocked_at(sandbox) == [True]


@pytest.mark.parametrize("flag", ["blocked_by_portal", "blocked_for_budget"])
def test_what_the_portal_blocked_can_be_blocked_for_good(
    as_manager: Client, key: Key, sandbox: Sandbox, flag: str
) -> None:
    services.block_key(key=again(key), actor=BY_TEST)
    Key.objects.update(**{flag: True})

    response = as_manager.post(url_of("block_key", key), follow=True)
    services.sweep_keys()

    assert "Blocked: the gateway refuses" in words_of(response)
    found = again(key)
    assert (found.blocked, found.blocked_by_portal, found.blocked_for_budget) == (True, False, False)
    assert blocked_at(sandbox) == [True]


def test_what_is_blocked_for_the_budget_waits_for_it(as_manager: Client, key: Key, sandbox: Sandbox) -> None:
    services.block_key(key=again(key), actor=BY_TEST)
    Key.objects.update(blocked_for_budget=True)

    response = as_manager.post(url_of("unblock_key", key))

    assert response.status_code == 409
    assert "budget is used up" in words_of(response)
    assert blocked_at(sandbox) == [True]


@pytest.mark.parametrize("name", ["block_key", "unblock_key", "extend_key"])
def test_a_gateway_that_is_away_has_changed_nothing(
    as_manager: Client, key: Key, sandbox: Sandbox, settings: Settings, name: str
) -> None:
    prepare(name, key)
    before = again(key).blocked, again(key).expires_at
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    response = as_manager.post(url_of(name, key))

    assert response.status_code == 503
    assert "Nothing has changed; try again in a minute." in words_of(response)
    assert (again(key).blocked, again(key).expires_at, again(key).renewing_since) == (*before, None)
    assert outcomes(key)[-1] == (ACTIONS[name], AuditOutcome.FAILED)


@pytest.mark.parametrize(("name", "blocked"), [("block_key", True), ("unblock_key", False)])
def test_a_lost_answer_is_asked_for_by_the_sweep(
    as_manager: Client, key: Key, sandbox: Sandbox, name: str, blocked: bool
) -> None:
    prepare(name, key)
    sandbox.faults(PATHS[name], "drop_after")

    response = as_manager.post(url_of(name, key))

    assert response.status_code == 503
    assert "We do not know yet whether it was done" in words_of(response)
    assert again(key).blocked is not blocked  # the row claims nothing that is not known
    services.sweep_keys()
    assert (again(key).blocked, blocked_at(sandbox)) == (blocked, [blocked])
    assert again(key).renewing_since is None
    assert (ACTIONS[name], AuditOutcome.UNKNOWN) in outcomes(key)


def test_a_key_that_the_gateway_no_longer_has_is_marked_as_gone(as_manager: Client, key: Key, sandbox: Sandbox) -> None:
    delete_at_gateway(sandbox, key)

    response = as_manager.post(url_of("block_key", key))

    assert response.status_code == 409
    assert again(key).state == Key.State.DELETED
    assert_at_rest(sandbox)


def test_a_deletion_that_was_not_confirmed_goes_on_and_the_owner_is_told(
    as_manager: Client, intern: User, sandbox: Sandbox, settings: Settings
) -> None:
    fresh = issue(intern)
    url = settings.GATEWAY_URL
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    response = as_manager.post(url_of("delete_key", fresh.key))

    assert response.status_code == 503
    assert "has not confirmed that “thesis” is deleted" in words_of(response)
    settings.GATEWAY_URL = url
    services.sweep_keys()
    assert again(fresh.key).state == Key.State.DELETED
    assert not works(sandbox, fresh.secret)
    run_tasks()
    assert len(mail.outbox) == 1
