"""Processes that die amid a request with an Idempotency-Key: what it creates is there once after a repeat."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

import api
from accounts.models import User
from api.models import IdempotentRequest
from keys import services as keys
from keys.models import Intern, Key
from tests.api.conftest import Program
from tests.keys.crashes import SERVICES, killed_at_step
from tests.sandbox_process import Sandbox

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.slow,
]
FOLDERS = (str(Path(api.__file__).parent), SERVICES)


def deaths(send: Callable[[str], Any]) -> list[Any]:
    """Kill a request at each of its steps; return the answers to its repeats, of a day in which the first one died."""
    repeats = list[Any]()
    for step in count(1):
        if not killed_at_step(step, partial(send, str(step)), FOLDERS):
            return repeats
        IdempotentRequest.objects.filter(status=None).update(begun_at=timezone.now() - timedelta(hours=1))
        repeats.append(send(str(step)))
    raise AssertionError


def test_an_intern_is_added_once(staff: User, sandbox: Sandbox) -> None:
    program = Program(staff)

    def add(name: str) -> Any:
        return program.post("/interns", {"name": f"Intern {name}"}, Idempotency_Key=name)

    repeats = deaths(add)

    assert len(repeats) > 2
    assert {answer.status_code for answer in repeats} == {201}
    assert Intern.objects.count() == len(repeats) + 1


def test_a_secret_is_replaced_at_most_once(staff: User, sandbox: Sandbox) -> None:
    program = Program(staff)
    key = program.post("/me/keys", {"label": "thesis", "kind": "personal"}).json()["key"]["id"]
    secrets = [1]  # of the gateway after each repeat

    def replace(name: str) -> Any:
        answer = program.post(f"/me/keys/{key}/replace", {"leaked": True}, Idempotency_Key=name)
        secrets.append(len(sandbox.issued_secrets()))
        with override_settings(KEY_ANSWER_DEADLINE_S=0):
            keys.sweep_keys()
        return answer

    repeats = deaths(replace)

    assert max(after - before for before, after in pairwise(secrets)) == 1
    codes = [answer.json().get("code") for answer in repeats]
    assert codes.count("idempotency_interrupted") > 5
    assert set(codes) == {None, "idempotency_interrupted"}
    assert Key.objects.get().tokens.filter(state="live").count() == 1
