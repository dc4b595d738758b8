"""An intern is handed over: keys keep their secrets, under another supervisor, at the gateway and here."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import override_settings

from accounts.models import AuditEntry, User
from gateway.secret import token_of
from keys import services
from keys.models import FormerOwner, Intern, Key, LimitOverride, PersonBudget, Token
from keys.services import rotate
from keys.services.key_limits import limits_on
from keys.services.person_budget import team_id_of
from tests.factories import change_policies, make_staff
from tests.keys.actions import BY_TEST, again, assert_at_rest, issue, works
from tests.keys.test_person_budget import chat, team
from tests.sandbox_process import Sandbox

FAULTS: dict[str, dict[str, Any]] = {
    "drop_before": {},
    "drop_after": {},
    "error 500": {"status": 500},
    "error 403": {"status": 403},
    "html": {},
}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other() -> User:
    """Make another member of staff."""
    return make_staff("other", email="other@example.edu")


def ada_of(staff: User) -> Intern:
    return Intern.objects.get(supervisor=staff, name="Ada")


def issue_for_ada(staff: User, label: str = "thesis") -> services.FreshKey:
    known = Intern.objects.filter(supervisor=staff, name="Ada").first()
    return issue(staff, label, **({"intern": known} if known else {"intern_name": "Ada", "intern_email": "ada@x.org"}))


def at_gateway(sandbox: Sandbox, secret: str) -> tuple[str | None, str | None]:
    """Return user and team of a key."""
    row = next(row for row in sandbox.live_keys() if row["token"] == token_of(secret))
    return row["user_id"], row["team_id"]


def assert_follows(sandbox: Sandbox, to: User) -> None:
    """Check that the keys of all interns are `to`'s on both sides, with what `to`'s policy has."""
    assert_at_rest(sandbox)
    assert not Key.objects.to_move().exists()
    budget = PersonBudget.objects.filter(owner=to, budget_usd__isnull=False).first()
    wanted = (to.gateway_user_id, team_id_of(to) if budget else None)
    rows = {row["token"]: (row["user_id"], row["team_id"]) for row in sandbox.live_keys()}
    tokens = Token.objects.filter(key__intern__isnull=False, state__in=("live", "retiring"))
    assert {rows[token.token] for token in tokens} == {wanted}


def test_keys_go_on_for_the_new_supervisor(staff: User, other: User, sandbox: Sandbox) -> None:
    fresh = issue_for_ada(staff)
    replaced = services.rotate_key(key=again(fresh.key), actor=BY_TEST)

    assert services.hand_over(intern=ada_of(staff), to=other, actor=BY_TEST) == 0

    for secret in (fresh.secret, replaced.secret):  # the old one works until its grace ends
        assert works(sandbox, secret)
        assert at_gateway(sandbox, secret) == (other.gateway_user_id, team_id_of(other))
    assert again(fresh.key).owner == ada_of(other).supervisor == other
    assert FormerOwner.objects.get().owner == staff
    assert_follows(sandbox, other)
    done = AuditEntry.objects.filter(action="hand_over", outcome="done")
    assert {(entry.object_kind, entry.subject) for entry in done} == {("intern", staff), ("key", other)}
    assert {entry.remark for entry in done} == {f"before: {staff.display_name}; now: {other.display_name}"}


def test_the_former_supervisor_sets_no_limits_any_more(staff: User, other: User, sandbox: Sandbox) -> None:
    as_read = again(issue_for_ada(staff).key)
    lower = limits_on(as_read)._replace(budget_usd=Decimal(1))
    services.hand_over(intern=ada_of(staff), to=other, actor=BY_TEST)

    with pytest.raises(services.KeyRefused):
        services.set_limits(key=as_read, actor=BY_TEST, limits=lower, within_policy=True)

    assert not LimitOverride.objects.exists()


@pytest.mark.parametrize("budget", [None, Decimal(9)])
def test_the_teams_count_what_was_spent_in_their_time(
    staff: User, other: User, sandbox: Sandbox, budget: Decimal | None
) -> None:
    fresh = issue_for_ada(staff)
    before = Decimal(chat(sandbox, fresh.secret).headers["x-litellm-response-cost"])
    change_policies(person_budget_usd=budget)

    services.hand_over(intern=ada_of(staff), to=other, actor=BY_TEST)
    after = sum(Decimal(chat(sandbox, fresh.secret).headers["x-litellm-response-cost"]) for _ in range(2))

    assert at_gateway(sandbox, fresh.secret) == (other.gateway_user_id, team_id_of(other) if budget else None)
    assert Decimal(str(team(sandbox, staff)["spend"])) == before
    if budget:
        assert Decimal(str(team(sandbox, other)["spend"])) == after
    assert_follows(sandbox, other)


def test_limits_follow_the_new_supervisors_policy_and_a_label_in_use_gets_a_number(
    staff: User, other: User, sandbox: Sandbox
) -> None:
    long = "x" * 60
    fresh = issue_for_ada(staff, long)
    issue(other, long.upper())
    change_policies(temporary__rpm_limit=7)

    services.hand_over(intern=ada_of(staff), to=other, actor=BY_TEST)

    key = again(fresh.key)
    assert key.label == "x" * 56 + " (2)"
    assert key.rpm_limit == 7
    assert_follows(sandbox, other)


def _not_allowed(to: User, intern: Intern) -> None:
    change_policies(may_name_interns=False)


def _inactive(to: User, intern: Intern) -> None:
    User.objects.filter(pk=to.pk).update(is_active=False)


def _known(to: User, intern: Intern) -> None:
    Intern.objects.create(supervisor=to, name="Somebody", email=intern.email)


def _known_by_name(to: User, intern: Intern) -> None:
    Intern.objects.filter(pk=intern.pk).update(email="")
    Intern.objects.create(supervisor=to, name=intern.name.upper())


def _their_account(to: User, intern: Intern) -> None:
    Intern.objects.filter(pk=intern.pk).update(account=to)


def _their_address(to: User, intern: Intern) -> None:
    User.objects.filter(pk=to.pk).update(email=intern.email.upper())


def _full(to: User, intern: Intern) -> None:
    issue(to, "one"), issue(to, "two")
    change_policies(max_live_keys=2)


def _full_of_kind(to: User, intern: Intern) -> None:
    issue(to, "one")
    change_policies(temporary__max_keys=1)


def _being_created(to: User, intern: Intern) -> None:
    Key.objects.update(state=Key.State.ISSUING)


def _handed_over_meanwhile(to: User, intern: Intern) -> None:
    Intern.objects.filter(pk=intern.pk).update(supervisor=make_staff("third"))


REFUSALS: list[tuple[Any, str]] = [
    (_not_allowed, "handover.not_allowed"),
    (_inactive, "handover.not_allowed"),
    (_known, "handover.known_email"),
    (_known_by_name, "handover.known_name"),
    (_their_account, "handover.themselves"),
    (_their_address, "handover.themselves"),
    (_full, "handover.limit"),
    (_full_of_kind, "handover.limit"),
    (_being_created, "handover.issuing"),
    (_handed_over_meanwhile, "handover.changed"),
]


@pytest.mark.parametrize(("prepare", "reason"), REFUSALS)
def test_is_refused_and_nothing_changes(staff: User, other: User, sandbox: Sandbox, prepare: Any, reason: str) -> None:
    issue_for_ada(staff)
    intern = ada_of(staff)
    prepare(other, intern)
    before = sandbox.live_keys()
    owners = list(Key.objects.values_list("pk", "owner"))

    with pytest.raises(services.KeyRefused) as refusal:
        services.hand_over(intern=intern, to=User.objects.get(pk=other.pk), actor=BY_TEST)

    assert refusal.value.reason == reason
    assert (sandbox.live_keys(), list(Key.objects.values_list("pk", "owner"))) == (before, owners)
    assert AuditEntry.objects.get(action="hand_over").outcome == "refused"


def test_the_same_supervisor_is_refused(staff: User, sandbox: Sandbox) -> None:
    issue_for_ada(staff)

    with pytest.raises(services.KeyRefused, match="already"):
        services.hand_over(intern=ada_of(staff), to=staff, actor=BY_TEST)


def test_waits_for_a_replacement_that_is_in_progress(staff: User, other: User, sandbox: Sandbox) -> None:
    fresh = issue_for_ada(staff)
    under_way = Token.objects.create(key=fresh.key)

    assert services.hand_over(intern=ada_of(staff), to=other, actor=BY_TEST) == 1
    assert again(fresh.key).owner == staff

    under_way.delete()
    services.sweep_keys()
    assert_follows(sandbox, other)


def test_replacing_the_secret_meanwhile_is_refused(staff: User, other: User, sandbox: Sandbox) -> None:
    key = issue_for_ada(staff).key
    before = Token.objects.select_related("key__owner").get(key=key)
    services.hand_over(intern=ada_of(staff), to=other, actor=BY_TEST)

    with pytest.raises(services.KeyRefused):
        rotate._reserve(before, while_retiring=False)
    assert services.rotate_key(key=again(key), actor=BY_TEST).key.owner == other
    assert_follows(sandbox, other)


@pytest.mark.slow
def test_the_sweep_continues_after_any_failed_call(staff: User, other: User, sandbox: Sandbox) -> None:
    people = [staff, other]
    fresh = issue_for_ada(staff)
    for path, calls in (("/team/update", 1), ("/team/new", 1), ("/key/info", 1), ("/key/update", 3)):
        for fault in FAULTS:
            for call in range(calls):
                old, new = people
                if path.startswith("/team"):
                    sandbox.call("POST", "/team/delete", body={"team_ids": [team_id_of(new)]})
                    PersonBudget.objects.filter(owner=new).delete()
                sandbox.faults(path, fault.split()[0], skip=call, **FAULTS[fault])
                services.hand_over(intern=ada_of(old), to=new, actor=BY_TEST)
                hits = [armed["hits"] for armed in sandbox.armed_faults()]
                sandbox.clear_faults()
                with override_settings(KEY_ANSWER_DEADLINE_S=0):
                    services.sweep_keys()

                assert hits == [1], (path, fault, call)
                assert_follows(sandbox, new)
                assert works(sandbox, fresh.secret), (path, fault, call)
                people.reverse()
    assert FormerOwner.objects.count() == AuditEntry.objects.filter(action="hand_over", object_kind="key").count()
