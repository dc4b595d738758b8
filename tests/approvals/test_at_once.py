"""More budget at once, within what the policy allows a person in each period; beyond it somebody decides."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import AccessRequest, AuditEntry, Grant, Policy, User
from accounts.policies import policy_of
from approvals import services
from keys.budget_days import end_of_period, next_period_day, utc_today
from keys.services import end_grant
from tests.approvals.conftest import supervise
from tests.approvals.test_pages import ASK, INDEX, answer, url_of
from tests.conftest import signed_in
from tests.factories import change_policies, make_policy, make_user
from tests.keys.actions import BY_TEST, issue
from tests.keys.test_person_budget import team
from tests.keys.views.pages import words_of
from tests.sandbox_process import Sandbox


@pytest.fixture
def person(intern: User) -> User:
    """Return an intern who can get 3 USD more at once."""
    change_policies(at_once_usd=3)
    return intern


def form_for(person: User, amount: str, *, days: int = 0, **more: Any) -> dict[str, Any]:
    """Return the form for so much more budget, until so many days after the end of the running period."""
    ends_on = end_of_period(policy_of(person)) + timedelta(days=days)
    return {"thing": "budget", "amount_usd": amount, "ends_on": ends_on.isoformat(), "why": "thesis", **more}


def give(person: User, usd: str, **more: Any) -> Grant | None:
    about = {"ends_on": end_of_period(policy_of(person)), "why": "thesis", **more}
    return services.give_at_once(person=person, actor=Actor(user=person), amount_usd=Decimal(usd), **about)


def test_grants_at_once_what_the_policy_allows(person: User, as_intern: Client, sandbox: Sandbox) -> None:
    issue(person)
    assert "Up to 3.00 USD until" in words_of(as_intern.get(ASK))

    status, page = answer(as_intern, ASK, **form_for(person, "2"))

    assert status == 302
    assert "Granted: 2.00 USD more until" in page
    assert "granted at once, as your policy allows" in page
    assert team(sandbox, person)["max_budget"] == 7
    assert "Up to 1.00 USD until" in words_of(as_intern.get(ASK))
    grant = Grant.objects.get()
    assert (grant.given_by, grant.applied_at is not None) == (None, True)
    assert services.mail_decisions() == services.mail_deciders() == 0
    entry = AuditEntry.objects.get(object_kind="request")
    assert (entry.action, entry.actor, entry.subject) == ("grant", person, person)
    assert "at once, as the policy allows" in entry.remark


def test_beyond_it_somebody_decides(person: User, as_intern: Client, decider: User, sandbox: Sandbox) -> None:
    for form in (form_for(person, "3.01"), form_for(person, "1", days=1)):
        assert "Sent. You get a mail when it is decided." in answer(as_intern, ASK, **form)[1], form
        AccessRequest.objects.update(state="withdrawn")
    assert not Grant.objects.exists()

    assert give(person, "3")
    assert give(person, "0.01") is None
    assert "at once" not in words_of(as_intern.get(ASK))
    page = words_of(signed_in(decider).get(url_of("detail", AccessRequest.objects.get(state="approved"))))
    assert "at once, as the policy allows." in page


def test_gives_nothing_under_a_policy_without_it(intern: User, as_intern: Client) -> None:
    assert give(intern, "0.01") is None
    make_policy("Free", person_budget_usd=None, budget_usd=None, playground__budget_usd=None)
    make_policy("Course", at_once_usd=5)
    assert give(make_user("free", groups=("Free", "Course")), "1") is None
    assert "at once" not in words_of(as_intern.get(ASK))


def test_the_most_generous_group_counts_in_each_period_anew(person: User) -> None:
    make_policy("Course", at_once_usd=4)
    both = make_user("both", groups=("Interns", "Course", "Staff"))

    assert give(both, "4")
    assert give(both, "1") is None
    now = timezone.now()
    Grant.objects.update(created_at=now - timedelta(days=40), ends_at=now - timedelta(days=32))
    assert give(both, "4")


def test_an_amount_and_its_period_are_a_pair(db: None) -> None:
    make_policy("Monthly", person_budget_usd=20, at_once_usd=20)
    make_policy("Daily", person_budget_usd=1, person_budget_period="1d")
    both = make_user("both", groups=("Monthly", "Daily"))
    assert policy_of(both).person_budget_period == "1d"
    assert give(both, "1") is None

    change_policies(Policy.objects.filter(group__name="Daily"), at_once_usd=3)
    assert give(both, "3.01") is None
    grant = give(both, "2")
    assert grant
    now = timezone.now()
    Grant.objects.update(created_at=now - timedelta(days=2), ends_at=now + timedelta(days=20))  # when it was a month
    assert give(both, "2") is None
    assert give(both, "1")


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "Pacific/Kiritimati"])
@pytest.mark.parametrize("period", ["1d", "30d"])
def test_it_ends_with_the_period_in_every_time_zone(person: User, settings: Any, zone: str, period: str) -> None:
    settings.TIME_ZONE = zone
    change_policies(person_budget_period=period)

    grant = give(person, "1")

    assert grant
    ends_at = datetime.combine(next_period_day(period, utc_today()), time(), UTC)
    assert grant.ends_at <= ends_at


def test_what_an_admin_ends_is_not_given_again(person: User) -> None:
    grant = give(person, "3")
    assert grant

    end_grant(grant=grant, actor=BY_TEST)

    assert give(person, "3") is None


def test_a_form_sent_twice_gives_once(person: User, as_intern: Client, sandbox: Sandbox) -> None:
    issue(person)
    form = form_for(person, "1", form_id=uuid4())

    assert [answer(as_intern, ASK, **form)[0] for _ in range(2)] == [302, 302]

    assert Grant.objects.count() == 1
    assert give(make_user("other", groups=("Interns",)), "1", form_id=form["form_id"]) is None


def test_a_form_sent_again_with_other_values_is_another_request(person: User, as_intern: Client) -> None:
    form = form_for(person, "1", form_id=uuid4())
    answer(as_intern, ASK, **form)

    page = answer(as_intern, ASK, **{**form, "amount_usd": "50", "why": "conference"})[1]
    assert "Sent. You get a mail when it is decided." in page
    assert AccessRequest.objects.get(state="open").amount_usd == 50
    for _click in range(2):
        answer(as_intern, ASK, **{**form, "amount_usd": "2"})
    assert list(Grant.objects.order_by("amount_usd").values_list("amount_usd", flat=True)) == [1, 2]


def test_wrong_forms_get_nothing(person: User, as_intern: Client) -> None:
    today = form_for(person, "1")
    wrong = [today | {"amount_usd": "0"}, today | {"amount_usd": "-1"}, today | {"why": ""}, today | {"form_id": "x"}]

    assert [form for form in wrong if answer(as_intern, ASK, **form)[0] != 422] == []
    assert not Grant.objects.exists()
    assert as_intern.put(ASK).status_code == 405


def test_strangers_do_not_see_it(person: User, as_intern: Client, as_staff: Client, supervisor: User) -> None:
    supervise(supervisor, person)
    assert give(person, "1")
    address = url_of("detail", AccessRequest.objects.get())

    assert as_staff.get(address).status_code == 404
    assert "thesis" not in as_staff.get(INDEX).content.decode()
    assert signed_in(supervisor).get(address).status_code == 200


def test_follows_when_the_gateway_is_back(person: User, as_intern: Client, sandbox: Sandbox) -> None:
    issue(person)
    sandbox.faults("/team/update", "error", status=503)

    page = answer(as_intern, ASK, **form_for(person, "2"))[1]
    assert "The gateway has not confirmed it yet" in page
    services.apply_due_grants()

    assert team(sandbox, person)["max_budget"] == 7


@pytest.mark.django_db(transaction=True)
def test_two_forms_at_once_do_not_exceed_the_amount(person: User) -> None:
    def run(_number: int) -> bool:
        try:
            return give(person, "2") is not None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(run, range(2))) == [False, True]
