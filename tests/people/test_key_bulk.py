"""One action on many keys, with a confirmation; one's own keys and those of people with more rights are left out."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AuditAction, AuditEntry, AuditOutcome, User
from keys import services
from keys.models import Key
from tests.factories import make_user
from tests.keys.actions import BY_TEST, again, assert_at_rest, issue
from tests.keys.views.pages import words_of
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks
from tests.usage.views.facts import key_of, used

BULK = reverse("people:bulk_keys")
ACTIONS = ("block", "unblock", "delete", "remind")


def post(browser: Client, action: str, *keys: Key, **more: Any) -> Any:
    return browser.post(BULK, {"action": action, "keys": ",".join(str(key.pk) for key in keys), **more})


def ask(browser: Client, action: str, *keys: Key, **more: Any) -> str:
    return words_of(browser.get(BULK, {"action": action, "key": [key.pk for key in keys], **more}))


def said(browser: Client, response: Any) -> str:
    return words_of(browser.get(response["Location"]))


@pytest.fixture
def three(staff: User, intern: User, sandbox: Sandbox) -> list[Key]:
    """Issue two keys of one owner, and one of another."""
    return [issue(staff, "thesis").key, issue(staff, "survey").key, issue(intern, "lab").key]


def done_with(keys: list[Key], action: AuditAction) -> list[str]:
    """Return the labels of the keys of which the trail says so, one for each entry."""
    entries = AuditEntry.objects.filter(
        action=action, outcome=AuditOutcome.DONE, object_id__in=[str(key.pk) for key in keys]
    )
    return sorted(entry.label for entry in entries)


def test_blocks_unblocks_and_deletes_with_one_entry_each_and_one_mail_an_owner(
    as_manager: Client, three: list[Key], sandbox: Sandbox
) -> None:
    for action, title, words, subject in (
        ("block", "Block 3 keys?", "3 keys are blocked.", "2 of your keys are blocked"),
        ("unblock", "Unblock 3 keys?", "3 keys work again.", "2 of your keys work again"),
        ("delete", "Delete 3 keys?", "3 keys are deleted.", "2 of your keys were deleted"),
    ):
        mail.outbox.clear()
        before = sandbox.live_keys()
        page = ask(as_manager, action, *three)
        assert title in page
        assert "3 keys lab Intern A · last use never survey" in page
        assert sandbox.live_keys() == before

        response = post(as_manager, action, *three, q="th", order="label")

        assert response["Location"] == "/people/keys/?q=th&order=label"
        assert words in said(as_manager, response)
        assert [row["blocked"] for row in sandbox.live_keys()] == {"block": [True] * 3, "unblock": [False] * 3}.get(
            action, []
        )
        assert done_with(three, AuditAction(action)) == ["lab", "survey", "thesis"]
        run_tasks()
        mails = {message.to[0]: message for message in mail.outbox}
        assert sorted(mails) == ["intern@example.edu", "staff@example.edu"]
        assert len(mail.outbox) == 2
        assert subject in mails["staff@example.edu"].subject
        body = str(mails["staff@example.edu"].body)
        assert "- survey\n- thesis\n" in body
        assert "Manager M" in body
        assert "lab" not in body
        assert "“lab”" in mails["intern@example.edu"].subject
    assert_at_rest(sandbox)


def test_says_with_labels_what_failed_at_the_gateway_and_leaves_the_rest_as_it_is(
    as_manager: Client, three: list[Key], sandbox: Sandbox
) -> None:
    sandbox.faults("/key/block", "error", status=503, skip=1, times=9)

    page = said(as_manager, post(as_manager, "block", *three))

    assert "1 key is blocked." in page
    assert "The gateway did not do it, or its answer was lost: survey." in page
    assert "Not tried, since the gateway did not answer: thesis." in page
    assert [again(key).blocked for key in three] == [False, False, True]
    assert done_with(three, AuditAction.BLOCK) == ["lab"]
    run_tasks()
    assert [message.to for message in mail.outbox] == [["intern@example.edu"]]
    sandbox.clear_faults()
    assert "2 keys are blocked." in said(as_manager, post(as_manager, "block", *three))


def test_what_the_gateway_refuses_for_one_key_stops_no_other(
    as_manager: Client, three: list[Key], sandbox: Sandbox
) -> None:
    sandbox.faults("/key/block", "error", status=400, skip=1, times=1)

    page = said(as_manager, post(as_manager, "block", *three))

    assert "2 keys are blocked." in page
    assert "survey" in page.split("2 keys are blocked.")[1]
    assert [again(key).blocked for key in three] == [True, False, True]


def test_a_deletion_that_is_not_confirmed_goes_on_and_its_owner_is_told(
    as_manager: Client, three: list[Key], sandbox: Sandbox
) -> None:
    sandbox.faults("/key/delete", "error", status=503, times=9)

    page = said(as_manager, post(as_manager, "delete", *three))

    assert "The gateway has not confirmed that these are deleted: lab." in page
    assert "Not tried, since the gateway did not answer: survey, thesis." in page
    assert [again(key).state for key in three] == ["active", "active", "deleting"]
    run_tasks()
    assert [message.to for message in mail.outbox] == [["intern@example.edu"]]
    post(as_manager, "delete", three[2])
    run_tasks()
    assert len(mail.outbox) == 1  # of the same deletion
    sandbox.clear_faults()
    services.sweep_keys()
    assert again(three[2]).state == Key.State.DELETED


def test_reminds_each_owner_once_of_all_their_keys(as_manager: Client, three: list[Key], sandbox: Sandbox) -> None:
    used(three[0], "1", days_ago=45)
    Key.objects.filter(pk=three[1].pk).update(expires_at=None)

    assert "Remind the owners of 3 keys?" in ask(as_manager, "remind", *three)
    response = post(as_manager, "remind", *three)
    again_at_once = post(as_manager, "remind", *three)

    assert "Mails about 3 keys are on their way." in said(as_manager, response)
    assert again_at_once.status_code == 422
    assert words_of(again_at_once).count("its owner had a mail about it within the last 7 days") == 3
    run_tasks()
    assert sorted(message.to[0] for message in mail.outbox) == ["intern@example.edu", "staff@example.edu"]
    body = str(next(message for message in mail.outbox if message.to == ["staff@example.edu"]).body)
    assert "“thesis”: last use 45 days ago, expires" in body
    assert "“survey”: last use never, never expires" in body
    assert "lab" not in body
    assert done_with(three, AuditAction.REMIND) == ["lab", "survey", "thesis"]


def test_leaves_out_what_one_may_not_change_or_what_makes_no_sense(
    as_secretary: Client, admin: User, sandbox: Sandbox
) -> None:
    secretary = User.objects.get(username="secretary")
    away = make_user("away", is_active=False)
    gone = make_user("gone", email="")
    manager = make_user("boss", groups=("Admins",))
    kept = {
        "this is your own key": key_of(secretary, "mine"),
        "its owner has more rights than you, or is a superuser": key_of(manager, "of-boss"),
        "it is blocked already": key_of(gone, "stopped", blocked=True),
        "it is being created or deleted": key_of(gone, "ending", state=Key.State.DELETING),
    }

    page = ask(as_secretary, "block", *kept.values(), key_of(admin, "of-admin"))
    refused = post(as_secretary, "block", *kept.values())

    for words, key in kept.items():
        assert f"{key.label} {key.owner.display_name} · last use never · {words}" in page, page
    assert "There is no key to which this can be done." in page
    assert "0 keys" not in page
    assert "5 keys are left out" in page
    assert refused.status_code == 422
    assert not Key.objects.filter(blocked=True).exclude(label="stopped").exists()
    for action, key, words in (
        ("unblock", key_of(gone, "works"), "it is not blocked"),
        ("unblock", key_of(away, "waits", blocked=True), "its owner is inactive"),
        (
            "unblock",
            key_of(gone, "spent", blocked=True, blocked_for_budget=True),
            "a budget of its owner, or of their group, is used up",
        ),
        ("delete", key_of(gone, "coming", state=Key.State.ISSUING), "it is being created"),
        ("remind", key_of(gone, "silent"), "its owner gets no mail"),
        ("remind", key_of(away, "left"), "its owner gets no mail"),
    ):
        assert f"· {words}" in ask(as_secretary, action, key), words


def test_all_that_the_filters_leave_are_meant(as_manager: Client, three: list[Key]) -> None:
    services.block_key(key=again(three[0]), actor=BY_TEST)

    assert "Unblock 1 key?" in ask(as_manager, "unblock", all="1", state="blocked")
    assert "Block 1 key?" in ask(as_manager, "block", all="1", q="intern")


def test_too_many_are_refused(as_manager: Client, three: list[Key], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("people.views.key_bulk.MAX_KEYS", 2)
    monkeypatch.setattr("people.views.key_bulk.MAX_REMINDED", 2)

    for action in ACTIONS:
        assert post(as_manager, action, *three).status_code == 422, action
        assert "These are 3 keys; at most 2 at once." in ask(as_manager, action, *three), action
    assert [again(key).state for key in three] == ["active"] * 3


def test_limits_the_number_per_hour(as_manager: Client, three: list[Key], settings: Settings) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 1
    post(as_manager, "block", three[0])

    assert post(as_manager, "block", three[1]).status_code == 429
    assert not again(three[1]).blocked


def test_what_is_no_key_and_no_act_is_not_found(as_manager: Client, db: None) -> None:
    assert as_manager.get(BULK, {"action": "explode"}).status_code == 404
    assert as_manager.post(BULK, {"action": "block", "keys": "1,x," + "9" * 40}).status_code == 422


def test_a_key_that_was_left_out_when_it_was_asked_stays_out(as_manager: Client, three: list[Key]) -> None:
    Key.objects.filter(pk=three[1].pk).update(state=Key.State.ISSUING)
    form = as_manager.get(BULK, {"action": "delete", "key": [str(three[0].pk), str(three[1].pk)]}).context

    assert form["ids"] == str(three[0].pk)
