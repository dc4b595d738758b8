"""Portals with something in them: keys in every state, made the way they come about."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import User
from gateway.errors import GatewayUnavailable
from keys import services
from keys.models import Key
from tests.keys.acts import BY_TEST, ending_in, issue, live_token, set_at_gateway
from tests.sandbox_process import Sandbox

LATER = datetime.now(UTC).date() + timedelta(days=60)


def keys_in_every_state(owner: User, sandbox: Sandbox) -> None:
    """Give one of the staff a key in each state that My keys can show, the latest made first in the list."""
    services.delete_key(key=issue(owner, "Trial").key, act=BY_TEST)
    made_elsewhere(owner, sandbox)
    blocked = issue(owner, "Shared notebook").key
    set_at_gateway(sandbox, live_token(blocked), blocked=True)
    services.sync_keys()
    lost_answer(owner, "Poster session", sandbox)
    ending_in(issue(owner, "Old laptop").key, sandbox, days=-3)
    ending_in(issue(owner, "Course on text mining").key, sandbox, days=5)
    services.rotate_key(key=issue(owner, "Lab server", Key.Kind.PERSONAL).key, act=BY_TEST)
    issue(owner, "Transcripts of interviews", intern_name="Intern A", intern_email="a@example.edu", stay_ends_on=LATER)
    issue(owner, "Thesis, chapter 3", Key.Kind.PERSONAL)


def made_elsewhere(owner: User, sandbox: Sandbox) -> None:
    """Make a key of theirs at the gateway, not here."""
    body = {"user_id": owner.gateway_user_id, "key_alias": "notebook-2025", "duration": "90d", "max_budget": 10}
    sandbox.call("POST", "/key/generate", body=body).raise_for_status()


def lost_answer(owner: User, label: str, sandbox: Sandbox) -> None:
    """Ask for a key whose answer does not arrive."""
    sandbox.faults("/key/generate", "drop_after")
    with pytest.raises(GatewayUnavailable):
        issue(owner, label)
