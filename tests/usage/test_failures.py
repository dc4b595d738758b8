"""Why requests of courses failed: read from the gateway's log after a poll, by key, hour and kind."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

import usage.services
from accounts.models import User
from keys.models import Key, Team
from tests.keys.crashes import killed_at_line
from tests.sandbox_process import Sandbox
from tests.tasks import waiting_tasks
from tests.usage.polling import make_key, make_team
from usage import tasks
from usage.models import HourFailure, KeyHour, PollRun
from usage.services import read_failures
from usage.services.failures import NO_LOG, OLDEST

FAILURES_PY = str(Path(usage.services.__file__).parent / "failures.py")


@pytest.fixture
def team(db: None, sandbox: Sandbox) -> Team:
    """Return the team of a course, which the gateway has."""
    cache.delete(NO_LOG)
    team = make_team()
    sandbox.call("POST", "/team/new", body={"team_id": team.gateway_id})
    return team


class Caller:
    """A student with a key that the gateway has: one request a minute, one model."""

    def __init__(self, sandbox: Sandbox, owner: User, team: Team, **limits: float | None) -> None:
        body = {"team_id": team.gateway_id, "rpm_limit": 1, "models": ["gpt-4o-mini"], **limits}
        answer = sandbox.call("POST", "/key/generate", body=body).json()
        self._sandbox, self._secret = sandbox, answer["key"]
        self.key = make_key(owner, answer["token"], kind=Key.Kind.COURSE, team=team)

    def ask(self, model: str = "gpt-4o-mini") -> int:
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        answer = self._sandbox.call("POST", "/v1/chat/completions", key=self._secret, body=body)
        return int(answer.status_code)

    def has_failed(self, number: int) -> None:
        """Let a poll have counted so many failures in this hour."""
        KeyHour.objects.update_or_create(key=self.key, hour=this_hour(), defaults={"failed_requests": number})


def this_hour() -> datetime:
    return timezone.now().replace(minute=0, second=0, microsecond=0)


def by_kind() -> dict[str, int]:
    """Return the failures that are stored; of two hours where a test runs over one."""
    found: dict[str, int] = {}
    for kind, number in HourFailure.objects.values_list("kind", "requests"):
        found[kind] = found.get(kind, 0) + number
    return found


@pytest.fixture
def caller(intern: User, sandbox: Sandbox, team: Team) -> Caller:
    """Return a student who has hit the limit twice, and called another model once."""
    caller = Caller(sandbox, intern, team)
    assert [caller.ask(), caller.ask(), caller.ask(), caller.ask("llama-70b")] == [200, 429, 429, 403]
    caller.has_failed(3)
    return caller


def test_counts_kinds_by_hour_and_once(caller: Caller) -> None:
    assert read_failures() == 1
    assert by_kind() == {"requests": 2, "model": 1}
    assert not HourFailure.objects.filter(is_partial=True).exists()
    assert read_failures() == 0

    caller.ask()
    caller.has_failed(4)

    assert read_failures() == 1
    assert by_kind() == {"requests": 3, "model": 1}


def test_distinguishes_budgets_tokens_and_parallel_calls(
    intern: User, staff: User, admin: User, sandbox: Sandbox, team: Team
) -> None:
    limits: tuple[dict[str, float], ...] = ({"max_budget": 1e-9}, {"tpm_limit": 1}, {"max_parallel_requests": 0})
    for owner, limit in zip((intern, staff, admin), limits, strict=True):
        caller = Caller(sandbox, owner, team, **{"rpm_limit": None, **limit})
        caller.ask()
        assert caller.ask() in (422, 429)
        caller.has_failed(1)

    read_failures()

    assert set(by_kind()) == {"budget", "tokens", "parallel"}


def test_reads_the_newest_pages_of_a_long_log(caller: Caller) -> None:
    read_failures(page_size=1, max_pages=2)

    assert by_kind() == {"requests": 1, "model": 1}
    assert set(HourFailure.objects.values_list("is_partial", flat=True)) == {True}
    assert read_failures() == 0  # it is not read again for what is left out


def test_a_gateway_without_a_log_is_remembered(caller: Caller, sandbox: Sandbox) -> None:
    for status in (404, 400):
        sandbox.faults("/spend/logs/v2", "error", status=status)
        assert read_failures() == 0
        assert read_failures() == 0  # without a call, which would succeed
        cache.delete(NO_LOG)

    assert read_failures() == 1
    assert by_kind() == {"requests": 2, "model": 1}


def test_reads_after_an_outage_and_leaves_garbage_out(caller: Caller, sandbox: Sandbox) -> None:
    row = {"request_id": "1", "api_key": "x", "startTime": timezone.now().isoformat(), "metadata": None}
    garbage: list[Any] = [[], {"data": 3, "total_pages": 1}, {"data": [], "total_pages": "many"}]
    for kind, about in (
        ("error", {"status": 503}),
        ("html", {}),
        ("truncated_json", {}),
        *(("odd", {"patch": patch}) for patch in garbage),
    ):
        sandbox.faults("/spend/logs/v2", kind, **about)
        assert read_failures() == 0
        assert not HourFailure.objects.exists()
    odd_rows = [7, {**row, "startTime": "soon"}, {**row, "api_key": None}, row]
    sandbox.faults("/spend/logs/v2", "odd", patch={"data": odd_rows, "total_pages": 1})

    assert read_failures() == 1
    assert by_kind() == {"requests": 2, "model": 1}  # not the row of a key that is not of the course
    assert HourFailure.objects.filter(is_partial=False).count() == 0


def test_a_poll_of_today_starts_it(team: Team, sandbox: Sandbox) -> None:
    tasks.refresh_facts.run(PollRun.Kind.TODAY)

    assert "usage.read_failures" in [name for name, _arguments in waiting_tasks()]


def test_a_late_failure_has_no_reason(caller: Caller) -> None:
    KeyHour.objects.update(hour=this_hour() - OLDEST)
    assert read_failures() == 0
    KeyHour.objects.update(hour=this_hour(), is_late=True)
    assert read_failures() == 0


@pytest.mark.slow
@pytest.mark.kills
@pytest.mark.django_db(transaction=True)
def test_a_kill_at_any_line_counts_nothing_twice(caller: Caller) -> None:
    line = 1
    while killed_at_line(line, read_failures, FAILURES_PY):
        assert by_kind() in ({}, {"requests": 2, "model": 1})
        read_failures()
        assert by_kind() == {"requests": 2, "model": 1}
        KeyHour.objects.update(explained_requests=0)
        line += 1
    assert line > 10
