"""More budget for a person: given by an admin, kept by the gateway, over by itself."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEntry, Grant, User
from accounts.policies import policy_of
from keys import services
from keys.models import Key
from tests.factories import change_policies, make_user
from tests.keys.actions import assert_at_rest, issue
from tests.keys.test_person_budget import chat, row_at, said, team, use_up
from tests.keys.views.pages import words_of
from tests.people.test_limits import at, plain, top_up_form, url_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(intern: User, sandbox: Sandbox) -> Key:
    return issue(intern).key


def test_a_top_up_lets_the_next_call_through_tells_the_person_and_ends_by_itself(
    as_manager: Client, intern: User, sandbox: Sandbox
) -> None:
    change_policies(person_budget_usd=Decimal("0.01"), budget_usd=Decimal("0.01"))
    fresh = issue(intern)
    use_up(sandbox, fresh.secret)

    asked = words_of(as_manager.get(url_of("top_up", intern)))
    assert "Top up Intern A?" in asked
    response = as_manager.post(url_of("top_up", intern), top_up_form(), follow=True)

    assert "Topped up: Intern A has 2.00 USD more until" in words_of(response)
    assert "2.00 USD more" in words_of(as_manager.get(url_of("person", intern)))
    assert chat(sandbox, fresh.secret).ok
    assert team(sandbox, intern)["max_budget"] == row_at(sandbox, fresh.secret)["max_budget"] == 2.01
    entry = AuditEntry.objects.get(action="grant")
    assert (entry.actor_name, entry.subject) == ("Manager M", intern)
    assert plain(entry.remark).startswith("2.00 USD more, until")
    run_tasks()
    (message,) = mail.outbox
    assert message.to == [intern.email]
    assert "2.00 USD more" in plain(message.subject)
    assert "Reason: last chapter" in message.body
    now = timezone.now()
    Grant.objects.update(created_at=now - timedelta(days=2), ends_at=now)
    assert services.apply_due_grants() == 1
    assert "Budget has been exceeded!" in said(chat(sandbox, fresh.secret))
    assert_at_rest(sandbox)


def test_a_form_sent_twice_grants_once(as_manager: Client, intern: User) -> None:
    form = top_up_form(form_id=str(uuid.uuid4()))
    as_manager.post(url_of("top_up", intern), form)

    response = as_manager.post(url_of("top_up", intern), form)

    assert response.status_code == 409
    assert "This form was sent twice." in words_of(response)
    assert policy_of(intern).person_budget_usd == 7


@pytest.mark.parametrize(
    "wrong",
    [{"amount_usd": "0"}, {"amount_usd": "x"}, {"ends_on": "2020-01-01"}, {"ends_on": "2999-01-01"}, {"reason": ""}],
)
def test_an_invalid_top_up_grants_nothing(as_manager: Client, intern: User, wrong: dict[str, str]) -> None:
    assert as_manager.post(url_of("top_up", intern), top_up_form(**wrong)).status_code == 422
    assert not Grant.objects.exists()


def test_grants_nothing_without_a_limit_or_an_active_account(as_manager: Client, intern: User) -> None:
    change_policies(person_budget_usd=None, budget_usd=None, playground__budget_usd=None)
    assert as_manager.post(url_of("top_up", intern), top_up_form()).status_code == 409

    closed = make_user("closed", groups=("Interns",), is_active=False)
    assert as_manager.post(url_of("top_up", closed), top_up_form()).status_code == 409
    assert not Grant.objects.exists()


def test_an_unavailable_gateway_gets_the_grant_later(
    as_manager: Client, key: Key, intern: User, sandbox: Sandbox, settings: Settings
) -> None:
    url, settings.GATEWAY_URL = settings.GATEWAY_URL, f"http://127.0.0.1:{free_port()}"

    response = as_manager.post(url_of("top_up", intern), top_up_form(), follow=True)

    assert "The gateway has not confirmed it yet" in words_of(response)
    settings.GATEWAY_URL = url
    services.apply_due_grants()
    assert team(sandbox, intern)["max_budget"] == 7
    assert not Grant.objects.unapplied().exists()


def test_a_grant_can_be_ended_once(as_manager: Client, key: Key, intern: User, sandbox: Sandbox) -> None:
    as_manager.post(url_of("top_up", intern), top_up_form())
    address = url_of("end_grant", intern, Grant.objects.get().pk)

    assert "End this grant?" in words_of(as_manager.get(address))
    assert "Ended: Intern A no longer has 2.00 USD more." in words_of(as_manager.post(address, follow=True))

    run_tasks()
    given, ended = mail.outbox
    assert "Reason: last chapter" in given.body
    assert "Reason:" not in ended.body  # it is that of giving it
    assert team(sandbox, intern)["max_budget"] == at(sandbox, key)["max_budget"] == 5
    assert as_manager.post(address).status_code == 409
    stranger = url_of("end_grant", make_user("other"), Grant.objects.get().pk)
    assert as_manager.get(stranger).status_code == 404


def test_each_grant_was_asked_for_or_given(intern: User) -> None:
    about = {"thing": "budget", "amount_usd": 2, "ends_at": timezone.now() + timedelta(days=1)}
    with pytest.raises(IntegrityError, match="accounts_grant_has_a_source"), transaction.atomic():
        Grant.objects.create(person=intern, **about)
