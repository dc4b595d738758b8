"""A gateway without teams: after each poll the portal blocks the keys of people over budget."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEntry, User
from keys import services
from keys.models import Key, PersonBudget
from tests.factories import change_policies
from tests.keys.actions import BY_TEST, again, issue, live_token
from tests.keys.crashes import killed_at_step
from tests.keys.playground_actions import refusal_of, use
from tests.keys.views.pages import words_of
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks, waiting_tasks
from tests.usage.polling import end_cooldown, report_day, used
from usage import tasks
from usage.models import PollRun, utc_today
from usage.services import enforce_ceilings
from usage.tasks import refresh_facts


@pytest.fixture
def without_teams(sandbox: Sandbox) -> Sandbox:
    """Let the gateway have no teams for us, and budgets be of 1 USD."""
    sandbox.faults("/team/update", "error", status=403, times=1000)
    change_policies(person_budget_usd=1, budget_usd=50, playground__budget_usd=50)
    return sandbox


def blocked_at(sandbox: Sandbox) -> set[str]:
    """Return the tokens that the gateway refuses."""
    return {row["token"] for row in sandbox.live_keys() if row["blocked"]}


def spend(sandbox: Sandbox, key: Key, usd: str) -> None:
    """Let a key have spent so much today, and the portal know it."""
    report_day(sandbox, utc_today(), used(live_token(key), usd=usd))
    poll()


def poll() -> None:
    """Poll today as the worker does, with what follows from it."""
    end_cooldown()
    refresh_facts(PollRun.Kind.TODAY)
    run_tasks()


def test_whoever_passes_their_budget_has_all_keys_blocked_until_the_period_ends(
    staff: User, intern: User, without_teams: Sandbox
) -> None:
    spender, idle, of_another = issue(staff, "spender").key, issue(staff, "idle").key, issue(intern).key
    services.rotate_key(key=again(idle), actor=BY_TEST)
    use(staff)
    spend(without_teams, spender, "0.99")
    assert blocked_at(without_teams) == set()

    spend(without_teams, spender, "1.00")

    assert len(without_teams.live_keys()) == 5
    assert blocked_at(without_teams) == {row["token"] for row in without_teams.live_keys()} - {live_token(of_another)}
    assert enforce_ceilings() == 0  # again changes nothing

    report_day(without_teams, utc_today(), used(live_token(spender), usd="0"))  # as the next period begins
    PersonBudget.objects.filter(owner=staff).update(budget_period="1d")
    services.apply_policies(BY_TEST)
    poll()
    poll()

    assert blocked_at(without_teams) == set()
    assert not Key.objects.filter(blocked_for_budget=True).exists()
    codes = AuditEntry.objects.filter(object_id=str(spender.pk), action="sweep").order_by("pk")
    assert [*codes.values_list("code", flat=True)] == ["over_budget", "within_budget"]


@pytest.mark.parametrize("what", ["raised", "lifted", "teams"])
def test_more_is_granted(staff: User, without_teams: Sandbox, what: str) -> None:
    key = issue(staff).key
    spend(without_teams, key, "2")
    assert blocked_at(without_teams)

    if what == "teams":
        without_teams.clear_faults()
        PersonBudget.objects.update(checked_at=timezone.now() - timedelta(hours=2))
    else:
        change_policies(person_budget_usd=3 if what == "raised" else None)
    services.sweep_keys()
    enforce_ceilings()

    assert blocked_at(without_teams) == set()


def test_a_key_that_an_administrator_blocked_stays_blocked(staff: User, without_teams: Sandbox) -> None:
    key, other = issue(staff).key, issue(staff, "other").key
    without_teams.call("POST", "/key/block", body={"key": live_token(other)}).raise_for_status()
    spend(without_teams, key, "2")
    change_policies(person_budget_usd=3)
    services.sweep_keys()

    enforce_ceilings()

    assert blocked_at(without_teams) == {live_token(other)}


def test_the_keys_of_somebody_inactive_stay_blocked(staff: User, without_teams: Sandbox) -> None:
    key = issue(staff).key
    spend(without_teams, key, "2")
    User.objects.filter(pk=staff.pk).update(is_active=False)
    change_policies(person_budget_usd=3)
    services.sweep_keys()
    enforce_ceilings()
    assert blocked_at(without_teams) == {live_token(key)}

    User.objects.filter(pk=staff.pk).update(is_active=True)
    services.sweep_keys()
    enforce_ceilings()

    assert blocked_at(without_teams) == set()


def test_pages_and_refusals_speak_of_the_persons_budget(staff: User, as_staff: Client, without_teams: Sandbox) -> None:
    fresh = issue(staff)
    use(staff)
    spend(without_teams, fresh.key, "2")

    page = words_of(as_staff.get("/"))
    assert "Paused" in page
    assert "The portal checks this budget itself, so it may act a minute late." in page
    assert "Contact the administrators" not in words_of(as_staff.get(f"/keys/{fresh.key.pk}/"))
    words = "Your budget for all your keys together is used up."
    for action in (services.renew_key, services.rotate_key):
        Key.objects.filter(pk=fresh.key.pk).update(expires_at=timezone.now() + timedelta(days=1))
        with pytest.raises(services.KeyRefused, match=words):
            action(key=again(fresh.key), actor=BY_TEST)
    assert str(refusal_of(staff)).startswith(words)
    assert str(services.check_secret(owner=staff, secret=fresh.secret).sentence) == words


def test_makes_no_call_to_a_gateway_with_teams(staff: User, sandbox: Sandbox) -> None:
    key = issue(staff).key
    waiting_tasks()
    report_day(sandbox, utc_today(), used(live_token(key), usd="500"))

    end_cooldown()
    refresh_facts(PollRun.Kind.TODAY)

    assert "usage.enforce_ceilings" not in [name for name, _arguments in waiting_tasks()]
    assert blocked_at(sandbox) == set()


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "error"])
@pytest.mark.parametrize("path", ["/key/block", "/key/unblock"])
def test_the_next_poll_repairs_a_fault(staff: User, without_teams: Sandbox, path: str, fault: str) -> None:
    key, other = issue(staff).key, issue(staff, "other").key
    without_teams.faults(path, fault, status=500 if fault == "error" else None)

    spend(without_teams, key, "2")
    tasks.enforce_ceilings()
    assert blocked_at(without_teams) == {live_token(key), live_token(other)}

    change_policies(person_budget_usd=3)
    services.sweep_keys()
    tasks.enforce_ceilings()
    tasks.enforce_ceilings()
    assert blocked_at(without_teams) == set()
    assert not Key.objects.filter(blocked=True).exists()


@pytest.mark.slow
@pytest.mark.kills
@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_is_repaired_after_a_kill_at_any_line(staff: User, without_teams: Sandbox, settings: Settings) -> None:
    settings.KEY_ANSWER_DEADLINE_S = 0  # nobody waits for the claim of a process that was killed
    key = issue(staff).key
    issue(staff, "other")
    spend(without_teams, key, "2")
    tokens = {row["token"] for row in without_teams.live_keys()}

    def prepare(usd: int) -> Callable[[], object]:
        PersonBudget.objects.update(budget_usd=Decimal(3))
        enforce_ceilings()
        assert (blocked_at(without_teams), Key.objects.filter(blocked_for_budget=True).count()) == (set(), 0)
        PersonBudget.objects.update(budget_usd=Decimal(1))
        if usd == 3:
            enforce_ceilings()
            PersonBudget.objects.update(budget_usd=Decimal(3))
        return enforce_ceilings

    for usd in (1, 3):
        for step in count(1):
            if not killed_at_step(step, prepare(usd)):
                break
            enforce_ceilings()
            assert blocked_at(without_teams) == (tokens if usd == 1 else set())
        assert step > 3
