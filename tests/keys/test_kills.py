"""The process that answers is killed during a call of the gateway: the sweep makes both sides agree, and the page
reports it. One creates a key in a web server as it is in service; for the other acts a child of the test answers.
"""

import os
import signal

import pytest
from django.test import Client, override_settings

from accounts.models import User
from keys import services
from tests.conftest import signed_in
from tests.keys.actions import BY_TEST, again, assert_at_rest, ending_in, issue, works
from tests.keys.crashes import close_connections
from tests.keys.portal_subprocess import PortalSubprocess, Waiting
from tests.keys.views.pages import key_request, url_of, words_of
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

SERVED = ("create", "/key/generate", "hang_after")  # the gateway has made a key whose secret nobody has seen
NOT_MADE = "Nobody has seen the secret, and no such key is left."
REFUSED = "The gateway has refused it since"
CASES: list[tuple[str, str, str, str, list[bool]]] = [
    # act, gateway call, fault, what My keys says after the sweep, which of the secrets that were shown work
    ("create", "/team/new", "hang_after", NOT_MADE, []),
    ("create", "/key/generate", "hang_before", NOT_MADE, []),
    ("create", "/key/generate", "hang_after", NOT_MADE, []),
    ("renew", "/key/update", "hang_before", "Expires soon", [True]),
    ("renew", "/key/update", "hang_after", "in 30 days", [True]),
    ("pause", "/key/block", "hang_before", "Active", [True]),
    ("pause", "/key/block", "hang_after", "Paused by owner", [True]),
    ("rotate", "/key/info", "hang_before", "Active", [True]),
    ("rotate", "/key/generate", "hang_before", "Active", [True]),
    ("rotate", "/key/generate", "hang_after", "Active", [True]),
    ("leaked", "/key/info", "hang_before", "Active", [True]),
    ("leaked", "/key/generate", "hang_before", "Active", [True]),
    ("leaked", "/key/generate", "hang_after", "Active", [True]),
    ("end_old", "/key/delete", "hang_before", "Active", [False, True]),
    ("end_old", "/key/delete", "hang_after", "Active", [False, True]),
    ("end_old", "/key/info", "hang_before", "Active", [False, True]),
    ("delete", "/key/delete", "hang_before", REFUSED, [False]),
    ("delete", "/key/delete", "hang_after", REFUSED, [False]),
    ("delete", "/key/info", "hang_before", REFUSED, [False]),
]


@pytest.mark.parametrize(("action", "path", "fault", "reported", "working"), CASES)
def test_is_repaired_and_reported(
    as_intern: Client,
    intern: User,
    sandbox: Sandbox,
    action: str,
    path: str,
    fault: str,
    reported: str,
    working: list[bool],
) -> None:
    address, secrets = _prepare(action, intern, sandbox)
    if (action, path, fault) == SERVED:
        _send_to_a_server_that_is_killed(address, intern, sandbox, path, fault)
    else:
        _send_to_a_child_that_is_killed(address, intern, sandbox, path, fault)
    sandbox.clear_faults()

    assert "Deleted:" not in words_of(as_intern.get("/"))
    with override_settings(KEY_ANSWER_DEADLINE_S=0):
        services.sweep_keys()

    assert_at_rest(sandbox)
    assert reported in words_of(as_intern.get("/"))
    assert [works(sandbox, secret) for secret in secrets] == working
    assert len(sandbox.live_keys()) == sum(working)


def _send_to_a_server_that_is_killed(address: str, sender: User, sandbox: Sandbox, path: str, fault: str) -> None:
    with PortalSubprocess(sandbox) as portal:
        person = Waiting(portal, sender)
        sandbox.faults(path, fault, seconds=60)
        waiting = person.send(address, **key_request(budget_usd="1"))
        sandbox.wait_until_fault_holds(path)
        portal.kill()
        waiting.join()
    assert person.failure, "there was an answer"


def _send_to_a_child_that_is_killed(address: str, sender: User, sandbox: Sandbox, path: str, fault: str) -> None:
    client, form = signed_in(sender), key_request(budget_usd="1")
    sandbox.faults(path, fault, seconds=60)
    close_connections()
    child = os.fork()
    if child == 0:
        try:
            client.post(address, form)
        finally:
            os._exit(0)
    try:
        sandbox.wait_until_fault_holds(path, seconds=50)  # the first one loads every page
    finally:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "there was an answer"


def _prepare(action: str, owner: User, sandbox: Sandbox) -> tuple[str, list[str]]:
    """Make what the action needs; return where its form goes, and the secrets that its owner has seen."""
    if action == "create":
        return "/keys/create/", []
    fresh = issue(owner)
    secrets = [fresh.secret]
    if action == "renew":
        ending_in(fresh.key, sandbox, days=3)
    if action == "end_old":
        secrets.append(services.rotate_key(key=again(fresh.key), actor=BY_TEST).secret)
    return url_of(action, fresh.key), secrets
