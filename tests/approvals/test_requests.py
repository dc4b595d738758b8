"""Requests: one open request for the same thing, one decision, by deciders only."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import AccessRequest, AuditEntry, Grant, Policy, User
from accounts.policies import policy_of
from approvals import services
from approvals.services import RequestRefused
from playground.services.anonymise import anonymise
from tests.approvals.conftest import approve, ask, supervise, today
from tests.factories import change_policies, make_intern, make_policy, make_staff, make_user
from tests.sandbox_process import Sandbox


def decidable_by(user: User) -> set[AccessRequest]:
    return set(AccessRequest.objects.decidable_by(user))


def addressed_to(user: User) -> set[AccessRequest]:
    return set(AccessRequest.objects.addressed_to(user))


def test_one_open_request_for_the_same_thing(intern: User, decider: User) -> None:
    first = ask(intern)

    assert ask(intern, amount_usd=Decimal(3)) == first
    assert ask(intern, "model", name="small") != first
    services.refuse(request=first, actor=Actor(user=decider), reason="too much")
    assert ask(intern) != first
    assert AccessRequest.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_ten_tabs_at_once_make_one_request(intern: User) -> None:
    def tab(_number: int) -> object:
        try:
            return ask(intern).pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        made = set(pool.map(tab, range(10)))

    assert made == set(AccessRequest.objects.values_list("pk", flat=True))
    assert len(made) == 1
    assert AuditEntry.objects.filter(object_kind="request").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_concurrent_decisions_one_counts_and_the_others_are_refused(
    intern: User, decider: User, admin: User
) -> None:
    request = ask(intern)

    def decide(number: int) -> str:
        asked = AccessRequest.objects.get(pk=request.pk)
        who = Actor(user=(decider, admin)[number % 2])
        try:
            if number % 4 < 2:
                services.approve(request=asked, actor=who, amount_usd=Decimal(2), ends_on=asked.ends_on)
            else:
                services.refuse(request=asked, actor=who, reason="no")
        except RequestRefused as refusal:
            return str(refusal)
        finally:
            connections.close_all()
        return ""

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(decide, range(8)))

    assert said.count("") == 1
    assert all(words.startswith("Nothing changed: ") for words in said if words)
    request.refresh_from_db()
    assert request.state in AccessRequest.DECIDED
    assert Grant.objects.count() == (request.state == "approved")
    assert AuditEntry.objects.filter(object_kind="request", action__in=("approve", "refuse")).count() == 1


def test_a_request_that_is_over_gets_a_readable_error(intern: User, decider: User) -> None:
    request = ask(intern)
    services.withdraw(request=request, actor=Actor(user=intern))

    with pytest.raises(RequestRefused, match="was withdrawn"):
        services.refuse(request=request, actor=Actor(user=decider), reason="no")
    other = ask(intern)
    approve(other, decider)
    with pytest.raises(RequestRefused, match="Decider D has already approved"):
        services.withdraw(request=AccessRequest.objects.get(pk=other.pk), actor=Actor(user=intern))
    assert Grant.objects.count() == 1


def test_supervisors_decide_for_their_interns_and_deciders_for_everybody(
    intern: User, decider: User, supervisor: User
) -> None:
    other = make_user("other")
    supervise(supervisor, intern)
    of_intern, of_other, own = ask(intern), ask(other), ask(decider)

    assert decidable_by(supervisor) == addressed_to(supervisor) == {of_intern}
    assert decidable_by(decider) == {of_intern, of_other}  # never their own
    assert addressed_to(decider) == {of_other}  # the supervisor's is not theirs to see to
    assert decidable_by(intern) == decidable_by(other) == set()
    assert own not in decidable_by(decider)


def test_requests_of_former_interns_go_to_the_deciders(decider: User, supervisor: User) -> None:
    yesterday = timezone.localdate() - timedelta(days=2)
    left, led_by_nobody, staff = make_intern("left"), make_intern("led"), make_staff("staff-intern")
    supervise(supervisor, left, stay_ends_on=yesterday)
    supervise(make_staff("gone", is_active=False), led_by_nobody)
    supervise(supervisor, staff)  # may have interns: two people could decide for each other
    requests = {ask(person) for person in (left, led_by_nobody, staff)}

    assert decidable_by(supervisor) == set()
    assert addressed_to(decider) == requests


def test_a_supervisor_gives_no_more_than_they_have(intern: User, decider: User, supervisor: User) -> None:
    supervise(supervisor, intern)
    change_policies(all_models=False, model_names=["small"])
    much = ask(intern, amount_usd=Decimal(101))
    model = ask(intern, "model", name="large")
    kind = ask(intern, "kind", name="personal")

    for request in (much, model):
        with pytest.raises(RequestRefused, match="waits for an administrator now"):
            approve(request, supervisor)
        request.refresh_from_db()
        assert request.state == "open"
    assert addressed_to(supervisor) == {kind}
    assert addressed_to(decider) == {much, model}  # passed on
    for request, who in ((kind, supervisor), (much, decider), (model, decider)):
        approve(request, who)
    assert Grant.objects.count() == 3


def test_a_supervisor_gives_no_more_a_day_than_they_have_and_not_in_parts(intern: User, supervisor: User) -> None:
    supervise(supervisor, intern)
    change_policies(person_budget_usd=Decimal(5), person_budget_period="1d")
    make_policy("Supervisors", person_budget_usd=Decimal(300), person_budget_period="30d", may_name_interns=True)
    supervisor.groups.set([Group.objects.get(name="Supervisors")])

    approve(ask(intern, amount_usd=Decimal(4)), supervisor)  # 9 a day, of 10
    with pytest.raises(RequestRefused, match="more than you can"):
        approve(ask(intern, amount_usd=Decimal(2)), supervisor)

    assert policy_of(intern).person_budget_usd == 9


def test_the_default_policy_makes_nobody_a_supervisor_who_decides(decider: User, supervisor: User) -> None:
    person = make_user("in-no-group")
    supervise(supervisor, person)
    request = ask(person)
    assert decidable_by(supervisor) == {request}

    Policy.objects.filter(group=None).update(may_name_interns=True)

    assert decidable_by(supervisor) == set()
    assert addressed_to(decider) == {request}


def test_nothing_is_granted_to_an_account_that_is_inactive(intern: User, decider: User) -> None:
    request = ask(intern)
    User.objects.filter(pk=intern.pk).update(is_active=False)

    with pytest.raises(RequestRefused, match="is inactive"):
        approve(AccessRequest.objects.get(pk=request.pk), decider)
    assert Grant.objects.count() == 0


def test_a_day_that_is_over_is_not_granted(intern: User, decider: User) -> None:
    request = ask(intern)

    with pytest.raises(RequestRefused, match="This day is over"):
        approve(request, decider, ends_on=today() - timedelta(days=1))

    request.refresh_from_db()
    assert request.state == "open"


def test_nothing_that_names_somebody_is_left_when_they_are_anonymised(intern: User, decider: User) -> None:
    services.refuse(request=ask(intern, why="for Ada"), actor=Actor(user=decider), reason="sorry, Ada")
    still_open = ask(intern, why="for Ada again")

    anonymise(person=intern, actor=Actor(user=decider))

    assert "Ada" not in str(list(AccessRequest.objects.values()))
    still_open.refresh_from_db()
    assert still_open.state == "withdrawn"


def test_the_trail_has_what_was_asked_and_granted_but_no_reasons(intern: User, decider: User, sandbox: Sandbox) -> None:
    approve(ask(intern, why="my secret plan"), decider, amount_usd=Decimal("1.5"), reason="less will do")

    asked, granted = AuditEntry.objects.of_subject(intern).filter(object_kind="request").order_by("at")
    assert asked.remark.startswith("2.00\xa0USD more, until ")
    assert granted.remark.startswith("1.50\xa0USD more, until ")
    assert granted.sentence == "Approved by Decider D"
    assert "secret plan" not in str(list(AuditEntry.objects.values()))


def test_the_database_refuses_what_no_service_writes(intern: User, decider: User) -> None:
    request = ask(intern)
    wrong: list[dict[str, object]] = [
        {"amount_usd": Decimal(0)},
        {"amount_usd": Decimal(10_001)},
        {"amount_usd": None},
        {"name": "small"},
        {"thing": "key"},
        {"thing": "model", "amount_usd": None},
        {"thing": "kind", "name": "temporary", "amount_usd": None},
        {"state": "approved"},
        {"decided_by": decider},
        {"state": "decided"},
    ]
    let_in = []
    for values in wrong:
        try:
            with transaction.atomic():
                AccessRequest.objects.filter(pk=request.pk).update(**values)
            let_in.append(values)
        except IntegrityError:
            pass
    now = timezone.now()
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.create(person=intern, request=request, thing="budget", amount_usd=2, created_at=now, ends_at=now)

    assert let_in == []
