"""Portals with keys in every state, created by the real operations."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from gateway.errors import GatewayUnavailable
from keys import services
from keys.models import Key
from tests.keys.actions import BY_TEST, ending_in, issue, live_token, set_at_gateway
from tests.sandbox_process import Sandbox

LATER = datetime.now(UTC).date() + timedelta(days=60)


def some_keys(owner: User, sandbox: Sandbox) -> None:
    """Give one of the staff the keys of somebody who has been here for a while, the latest made first in the list."""
    made_elsewhere(owner, sandbox)
    services.sync_keys()
    made_ago(ending_in(issue(owner, "Old laptop").key, sandbox, days=-3), days=33)
    made_ago(ending_in(issue(owner, "Course on text mining").key, sandbox, days=5), days=25)
    rotating = issue(owner, "Lab server", Key.Kind.PERSONAL).key
    services.rotate_key(key=rotating, actor=BY_TEST)
    made_ago(rotating, days=120)
    for_intern: dict[str, Any] = {"intern_name": "Intern A", "intern_email": "a@example.edu", "stay_ends_on": LATER}
    made_ago(issue(owner, "Transcripts of interviews", **for_intern).key, days=2)
    issue(owner, "Thesis, chapter 3", Key.Kind.PERSONAL)


def keys_in_every_state(owner: User, sandbox: Sandbox) -> None:
    """Give one of the staff a key in each state that My keys can show."""
    services.delete_key(key=issue(owner, "Trial").key, actor=BY_TEST)
    blocked = issue(owner, "Shared notebook").key
    set_at_gateway(sandbox, live_token(blocked), blocked=True)
    lost_answer(owner, "Poster session", sandbox)
    some_keys(owner, sandbox)


def made_ago(key: Key, *, days: int) -> None:
    """Let a key be so old."""
    Key.objects.filter(pk=key.pk).update(created_at=timezone.now() - timedelta(days=days))


def made_elsewhere(owner: User, sandbox: Sandbox) -> None:
    """Make a key of theirs at the gateway, not here."""
    body = {"user_id": owner.gateway_user_id, "key_alias": "notebook-2025", "duration": "90d", "max_budget": 10}
    sandbox.call("POST", "/key/generate", body=body).raise_for_status()


def lost_answer(owner: User, label: str, sandbox: Sandbox) -> None:
    """Ask for a key whose answer does not arrive."""
    sandbox.faults("/key/generate", "drop_after")
    with pytest.raises(GatewayUnavailable):
        issue(owner, label)
