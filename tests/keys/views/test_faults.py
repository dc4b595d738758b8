"""Every fault of the gateway at every call of every action: the page reports it correctly, and a sweep repairs it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys import services
from keys.models import Key, Token
from tests.conftest import signed_in
from tests.factories import make_user
from tests.keys.actions import BY_TEST, again, assert_at_rest, ending_in, issue, without_pauses, works
from tests.keys.views.pages import key_request, url_of, words_of
from tests.sandbox_process import Sandbox

CALLS = {
    "create": ("/key/generate",),
    "renew": ("/key/update",),
    "rotate": ("/key/info", "/key/generate"),
    "end_old": ("/key/delete", "/key/info"),
    "delete": ("/key/delete", "/key/info"),
}
FAULTS: dict[str, dict[str, Any]] = {
    "delay": {"seconds": 0.02},
    "error 500": {"status": 500},
    "error 503": {"status": 503},
    "error 429": {"status": 429},
    "drop_before": {},
    "drop_after": {},
    "hang_before": {"seconds": 30},
    "hang_after": {"seconds": 30},
    "truncated_json": {},
    "cut_body": {},
    "html": {},
}
IMPATIENCE_S, PATIENCE_S = 0.3, 20
ATTEMPTS = 3  # the client asks a question so often
STORED_DIFFERENTLY = ("error 500", "drop_after", "hang_before")  # of the others our rows say what they say of these
ONE_OF_EACH = (*STORED_DIFFERENTLY, "error 429")  # what an act gets: no answer, or a refusal


@dataclass
class State:
    """Somebody with a key before an action went wrong, and what was said afterwards."""

    sandbox: Sandbox
    owner: User
    fault: str
    secrets: list[str]  # of the key, before the act
    keys: list[dict[str, Any]] = field(default_factory=list)  # theirs at the gateway, before the act
    said: str = ""

    def keys_now(self) -> list[dict[str, Any]]:
        """Return what the gateway has of the person's keys."""
        return [row for row in self.sandbox.live_keys() if row["user_id"] == self.owner.gateway_user_id]

    def there(self, secret: str) -> dict[str, Any]:
        """Return what the gateway has of a secret."""
        return next(row for row in self.sandbox.live_keys() if row["token"] == token_of(secret))

    def end(self) -> datetime:
        """Return the end of the newest of these secrets, as the gateway has it."""
        return datetime.fromisoformat(self.there(self.secrets[-1])["expires"])


def _shown_secret_works(state: State) -> bool:
    shown = re.findall(r"\bsk-[\w-]{20,}", state.said)
    return bool(shown) and all(works(state.sandbox, secret) for secret in shown)


def _is_renewed(state: State) -> bool:
    return state.end() > datetime.fromisoformat(state.keys[-1]["expires"]) + timedelta(days=20)


def _is_as_it_was(state: State) -> bool:
    return state.keys_now() == state.keys


def _is_gone(state: State) -> bool:
    return not any(works(state.sandbox, secret) for secret in state.secrets)


def _old_is_gone(state: State) -> bool:
    return [works(state.sandbox, secret) for secret in state.secrets] == [False, True]


def _first_is_gone(state: State) -> bool:
    return not works(state.sandbox, state.secrets[0])


def _still_works(state: State) -> bool:
    return works(state.sandbox, state.secrets[-1])


def _unseen_is_gone(state: State) -> bool:
    return len(state.keys_now()) == len(state.keys)


Promise = dict[str, Callable[[State], bool]]
TRUE_AT_ONCE: Promise = {
    "is ready": _shown_secret_works,
    "Renewed: “thesis” works until": _is_renewed,
    "The old secret of “thesis” has ended.": _old_is_gone,
    "Deleted: the gateway refuses “thesis” from now on.": _is_gone,
    "Nothing was created": _is_as_it_was,
    "The key’s expiry has not changed": _is_as_it_was,
    "Your current secret still works": _still_works,
    "We do not know yet whether the key was created": lambda state: True,
    "We do not know yet whether the key was renewed": _still_works,
    "The gateway has not confirmed": lambda state: True,
}
TRUE_AFTER_THE_SWEEP: Promise = {
    "we will delete it within 5 minutes": _unseen_is_gone,
    "The gateway has not confirmed that “thesis” is deleted": _is_gone,
    "The gateway has not confirmed it yet. We try again": _first_is_gone,
    "Your current secret still works": _still_works,
}


@pytest.mark.parametrize(("action", "path"), [(action, path) for action, paths in CALLS.items() for path in paths])
def test_reports_the_outcome_and_reaches_a_final_state(
    intern: User, sandbox: Sandbox, settings: Settings, action: str, path: str
) -> None:
    states: list[State] = []
    broken: list[str] = []
    for fault in _faults_of(action, path):
        key, state = _prepare(action, fault, sandbox)
        settings.GATEWAY_READ_TIMEOUT_S = IMPATIENCE_S if fault.startswith("hang") else PATIENCE_S
        without_pauses()
        sandbox.faults(path, fault.split()[0], times=ATTEMPTS, **FAULTS[fault])
        address = "/keys/create/" if action == "create" else url_of(action, key)
        state.said = words_of(signed_in(state.owner).post(address, key_request("other", budget_usd="1"), follow=True))
        assert sandbox.armed_faults()[0]["hits"]
        sandbox.clear_faults()
        broken += _broken(TRUE_AT_ONCE, state, at_least=1)
        states.append(state)

    settings.GATEWAY_READ_TIMEOUT_S = PATIENCE_S
    services.sweep_keys()
    broken += [words for state in states for words in _broken(TRUE_AFTER_THE_SWEEP, state)]
    assert broken == []
    assert_at_rest(sandbox)
    _assert_same_ends(sandbox)
    for state in states:
        if state.fault in STORED_DIFFERENTLY:
            assert "Checking with the gateway" not in words_of(signed_in(state.owner).get("/")), state.fault


def _faults_of(action: str, path: str) -> Sequence[str]:
    """Return which faults to try: each at the first act that makes a call, and one of each kind at the others."""
    if connection.vendor != "sqlite":
        return STORED_DIFFERENTLY
    return list(FAULTS) if next(name for name, paths in CALLS.items() if path in paths) == action else ONE_OF_EACH


def _prepare(action: str, fault: str, sandbox: Sandbox) -> tuple[Key, State]:
    """Make somebody with a key that the action can be tried on."""
    owner = make_user(groups=("Interns",))
    fresh = issue(owner)
    key = ending_in(fresh.key, sandbox, days=3)
    state = State(sandbox, owner, fault, [fresh.secret])
    if action == "end_old":
        state.secrets.append(services.rotate_key(key=again(key), actor=BY_TEST).secret)
    state.keys = state.keys_now()
    return again(key), state


def _broken(promises: Promise, state: State, at_least: int = 0) -> list[str]:
    """Return what the page has promised and is not so."""
    made = [words for words in promises if words in state.said]
    assert len(made) >= at_least, (state.fault, state.said)
    return [f"{state.fault}: {words}" for words in made if not promises[words](state)]


def _assert_same_ends(sandbox: Sandbox) -> None:
    """Check that our rows say of every live key the end that the gateway has."""
    ends = {row["token"]: datetime.fromisoformat(row["expires"]) for row in sandbox.live_keys()}
    for token in Token.objects.filter(state=Token.State.LIVE).select_related("key"):
        assert token.key.expires_at is not None
        assert abs(token.key.expires_at - ends[token.token or ""]) < timedelta(seconds=5)
