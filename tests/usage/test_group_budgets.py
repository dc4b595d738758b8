"""The monthly budget of a group: what its members spend together, warnings to admins, and keys that stop."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEntry, GroupSpend, Policy, User
from accounts.models.group_spend import month_first_day
from keys import services
from keys.models import Key
from notices.bell import items_for
from tests.factories import make_policy, make_user
from tests.keys.actions import BY_TEST, again, issue, live_token
from tests.keys.crashes import killed_at_step
from tests.keys.playground_actions import refusal_of, use
from tests.keys.views.pages import words_of
from tests.people.conftest import with_permissions
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks, waiting_tasks
from tests.usage.polling import end_cooldown, report_day, used
from usage import tasks
from usage.models import Notice, PollRun, utc_today
from usage.services import enforce_ceilings, warn_of_budgets
from usage.services.group_budgets import measure_groups
from usage.tasks import refresh_facts

pytestmark = pytest.mark.django_db
SAID = "Your group Course has used its budget for"


@pytest.fixture
def course(sandbox: Sandbox) -> Group:
    """Make a group with 10 USD a month, whose policy then stops keys."""
    budgets = {"group_budget_usd": 10, "group_budget_stops": True, "person_budget_usd": None, "budget_usd": None}
    make_policy("Course", max_live_keys=5, **budgets)
    return Group.objects.get(name="Course")


@pytest.fixture
def ada(course: Group) -> User:
    return make_user("ada", groups=("Course",), first_name="Ada")


def spend(sandbox: Sandbox, *spent: tuple[Key, str]) -> None:
    """Let keys have spent so much today, and the worker read it and act on it."""
    report_day(sandbox, utc_today(), *(used(live_token(key), usd=usd) for key, usd in spent))
    end_cooldown()
    refresh_facts(PollRun.Kind.TODAY)
    run_tasks()


def blocked_at(sandbox: Sandbox) -> set[str]:
    return {row["token"] for row in sandbox.live_keys() if row["blocked"]}


def set_budget(**fields: Any) -> None:
    Policy.objects.filter(group__name="Course").update(**fields)


# --- What is measured ---------------------------------------------------------------------------------
def test_the_spend_of_all_members_counts_in_each_of_their_groups_by_one_query(
    ada: User, intern: User, sandbox: Sandbox, django_assert_num_queries: Any
) -> None:
    make_policy("Lab", group_budget_usd=500)
    make_policy("Idle", group_budget_usd=500)
    bea = make_user("bea", groups=("Course", "Lab"))
    spend(
        sandbox,
        (issue(ada).key, "1.25"),
        (issue(bea).key, "2"),
        (issue(bea, "other").key, "3"),
        (issue(intern).key, "9"),
    )

    with django_assert_num_queries(3):  # groups, the sums, the rows that are written
        rows = measure_groups()

    assert {row.group.name: float(row.spent_usd) for row in rows} == {"Course": 6.25, "Lab": 5, "Idle": 0}
    assert GroupSpend.objects.count() == 3
    measure_groups()
    assert GroupSpend.objects.count() == 3


def test_without_a_budget_of_a_group_nothing_is_measured_or_called(
    intern: User, sandbox: Sandbox, django_assert_num_queries: Any
) -> None:
    key = issue(intern).key
    waiting_tasks()
    report_day(sandbox, utc_today(), used(live_token(key), usd="500"))
    end_cooldown()
    refresh_facts(PollRun.Kind.TODAY)

    assert "usage.enforce_ceilings" not in [name for name, _arguments in waiting_tasks()]
    with django_assert_num_queries(1):
        assert measure_groups() == []


# --- Keys stop ----------------------------------------------------------------------------------------
def test_keys_of_all_members_stop_until_the_budget_is_raised(ada: User, intern: User, sandbox: Sandbox) -> None:
    bea = make_user("bea", groups=("Course", "Interns"))
    first, second, outside = issue(ada).key, issue(bea).key, issue(intern).key
    services.rotate_key(key=again(second), actor=BY_TEST)
    spend(sandbox, (first, "9.99"))
    assert blocked_at(sandbox) == set()

    spend(sandbox, (first, "9.99"), (second, "0.01"))
    assert blocked_at(sandbox) == {row["token"] for row in sandbox.live_keys()} - {live_token(outside)}
    assert enforce_ceilings() == 0  # again changes nothing

    set_budget(group_budget_usd=11)
    enforce_ceilings()
    assert blocked_at(sandbox) == set()
    codes = AuditEntry.objects.filter(object_id=str(first.pk), action="sweep").order_by("pk")
    assert [*codes.values_list("code", flat=True)] == ["over_budget", "within_budget"]


@pytest.mark.parametrize("what", ["only_warns", "lifted", "left", "month_is_over", "deleted"])
def test_keys_work_again(ada: User, course: Group, sandbox: Sandbox, what: str) -> None:
    key = issue(ada).key
    spend(sandbox, (key, "10"))
    assert blocked_at(sandbox) == {live_token(key)}

    if what == "only_warns":
        set_budget(group_budget_stops=False)
    elif what == "lifted":
        set_budget(group_budget_usd=None)
    elif what == "left":
        ada.groups.clear()
    elif what == "deleted":
        course.delete()
    else:
        GroupSpend.objects.update(first_day=month_first_day() - timedelta(days=31))
        assert not GroupSpend.objects.stopping().exists()
        report_day(sandbox, utc_today(), used(live_token(key), usd="0"))  # as the next month begins
        end_cooldown()
        refresh_facts(PollRun.Kind.TODAY)
        run_tasks()
    enforce_ceilings()

    assert blocked_at(sandbox) == set()
    assert not Key.objects.filter(blocked_for_budget=True).exists()


def test_what_others_blocked_stays_blocked(ada: User, sandbox: Sandbox) -> None:
    key, by_admin, paused = issue(ada).key, issue(ada, "by admin").key, issue(ada, "paused").key
    services.block_key(key=again(by_admin), actor=BY_TEST)
    services.pause_key(key=again(paused), actor=BY_TEST)
    spend(sandbox, (key, "10"))
    with pytest.raises(services.KeyRefused, match="has used its budget"):
        services.resume_key(key=again(paused), actor=BY_TEST)

    set_budget(group_budget_usd=11)
    enforce_ceilings()

    assert blocked_at(sandbox) == {live_token(by_admin), live_token(paused)}


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "error"])
@pytest.mark.parametrize("path", ["/key/block", "/key/unblock"])
def test_the_next_poll_repairs_a_fault(ada: User, sandbox: Sandbox, path: str, fault: str) -> None:
    key, other = issue(ada).key, issue(ada, "other").key
    sandbox.faults(path, fault, status=500 if fault == "error" else None)

    spend(sandbox, (key, "10"))
    tasks.enforce_ceilings()
    assert blocked_at(sandbox) == {live_token(key), live_token(other)}

    set_budget(group_budget_stops=False)
    tasks.enforce_ceilings()
    tasks.enforce_ceilings()
    assert blocked_at(sandbox) == set()


@pytest.mark.slow
@pytest.mark.kills
@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("stops", [True, False])
def test_is_repaired_after_a_kill_at_any_line(ada: User, sandbox: Sandbox, settings: Settings, stops: bool) -> None:
    settings.KEY_ANSWER_DEADLINE_S = 0  # nobody waits for the claim of a process that was killed
    key, other = issue(ada).key, issue(ada, "other").key
    spend(sandbox, (key, "10"))
    tokens = {live_token(key), live_token(other)}

    def prepare() -> Callable[[], object]:
        set_budget(group_budget_stops=not stops)
        enforce_ceilings()
        assert blocked_at(sandbox) == (set() if stops else tokens)
        set_budget(group_budget_stops=stops)
        return enforce_ceilings

    for step in count(1):
        if not killed_at_step(step, prepare()):
            break
        enforce_ceilings()
        assert blocked_at(sandbox) == (tokens if stops else set())
    assert step > 3


# --- What members see ---------------------------------------------------------------------------------
def test_pages_and_refusals_name_the_group(ada: User, client: Client, sandbox: Sandbox) -> None:
    fresh = issue(ada)
    use(ada)
    spend(sandbox, (fresh.key, "10"))
    client.force_login(ada)

    page = words_of(client.get("/"))
    assert SAID in page
    assert "Until then no key can be created." in page
    assert "Paused" in page
    assert SAID in words_of(client.get(f"/keys/{fresh.key.pk}/"))
    assert SAID in words_of(client.get("/playground/"))
    assert SAID in words_of(client.post("/keys/create/", {"label": "new", "kind": "temporary"}))
    Key.objects.filter(pk=fresh.key.pk).update(expires_at=timezone.now() + timedelta(days=1))
    for action in (services.renew_key, services.rotate_key):
        with pytest.raises(services.KeyRefused, match=SAID):
            action(key=again(fresh.key), actor=BY_TEST)
    assert str(refusal_of(ada)).startswith(SAID)
    assert str(services.check_secret(owner=ada, secret=fresh.secret).sentence).startswith(SAID)
    with pytest.raises(services.KeyRefused) as refusal:
        services.unblock_key(key=again(fresh.key), actor=BY_TEST)
    assert refusal.value.for_admin.startswith("The group Course has used its budget for")


def test_nobody_else_sees_it(ada: User, as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    spend(sandbox, (issue(ada).key, "10"))

    assert "Course" not in words_of(as_intern.get("/"))
    assert issue(intern).key.state == "active"


# --- Warnings -----------------------------------------------------------------------------------------
def test_admins_are_warned_once_a_month_at_each_threshold(ada: User, course: Group, sandbox: Sandbox) -> None:
    set_budget(group_warn_percent=70)
    manager = with_permissions("manager", "manage_policies")
    key = issue(ada).key
    spend(sandbox, (key, "6.99"))
    assert not Notice.objects.exists()

    spend(sandbox, (key, "7"))
    set_budget(group_warn_percent=75)
    spend(sandbox, (key, "8"))
    assert [sent.to for sent in mail.outbox] == [[manager.email]]
    assert mail.outbox[0].subject.endswith("70 % of this month’s budget of the group “Course” is spent")
    assert "Once it is used up, the keys of its members stop until the month ends." in mail.outbox[0].body
    assert reverse("people:group", args=[course.pk]) in mail.outbox[0].body

    spend(sandbox, (key, "10"))
    warn_of_budgets()
    assert [sent.to for sent in mail.outbox].count([manager.email]) == 2
    [item] = [item for item in items_for(manager) if item.kind == "budget"]
    assert (item.tone, item.address) == ("bad", reverse("people:group", args=[course.pk]))
    assert "100 % of the monthly budget of the group “Course” is spent: 10.00 of 10.00 USD." in item.text.replace(
        "\xa0", " "
    )


def test_members_whose_keys_are_stopped_get_one_notice_and_mail(ada: User, sandbox: Sandbox) -> None:
    make_user("idle", groups=("Course",))
    key = issue(ada).key
    spend(sandbox, (key, "9"))
    assert not mail.outbox

    for usd in ("10", "11"):
        spend(sandbox, (key, usd))

    assert [sent.to for sent in mail.outbox] == [[ada.email]]
    assert "Your keys are stopped: the budget of the group “Course” is spent" in mail.outbox[0].subject
    [item] = items_for(ada)
    assert (SAID in item.text, item.address) == (True, reverse("keys:index"))
    set_budget(group_budget_usd=20)
    assert items_for(ada) == []


def test_two_groups_have_notices_of_their_own(ada: User, sandbox: Sandbox) -> None:
    make_policy("Lab", group_budget_usd=9)
    ada.groups.add(Group.objects.get(name="Lab"))
    manager = with_permissions("manager", "manage_policies")

    spend(sandbox, (issue(ada).key, "9"))

    texts = [item.text for item in items_for(manager) if item.kind == "budget"]
    assert [name for text in texts for name in ("Lab", "Course") if name in text] == ["Lab", "Course"]
    assert "This budget only warns; nothing stops." in texts[0]
