"""A supervisor sets budget, models and end of an intern's key, within their own policy."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditEntry, DailyItem, Grant, MailChoices, User
from keys import services
from keys.models import GatewayModel, Intern, Key, LimitChange, LimitOverride
from keys.renewal import last_moment_of
from keys.services.key_limits import limits_on
from notices.bell import announcements_and_number
from notices.header import header_state
from tests.conftest import signed_in
from tests.factories import change_policies, make_staff
from tests.keys.actions import BY_TEST, again, assert_at_rest, issue, live_token
from tests.keys.views.pages import assert_only, words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks

pytestmark = pytest.mark.django_db
MODELS = ("general_nothink", "gpt-4o", "gpt-4o-mini")


def in_days(days: int) -> date:
    return timezone.localdate(timezone=timezone.get_default_timezone()) + timedelta(days=days)


@pytest.fixture
def key(staff: User, sandbox: Sandbox) -> Key:
    """Make a key for an intern who stays for ten days, of a supervisor with 5 USD a month for each key."""
    for name in MODELS:
        GatewayModel.objects.get_or_create(name=name)
    change_policies(temporary__budget_usd=Decimal(5), temporary__budget_period="30d", temporary__lifetime_days=30)
    return issue(staff, "practical", intern_name="Intern B", stay_ends_on=in_days(10)).key


def address_of(key: Key) -> str:
    return reverse("keys:limits", args=[key.pk])


def form(**about: Any) -> dict[str, Any]:
    return {"budget_usd": "2", "model_names": ["gpt-4o-mini"], "expires_on": in_days(4).isoformat(), **about}


def at(sandbox: Sandbox, key: Key) -> dict[str, Any]:
    return next(row for row in sandbox.live_keys() if row["token"] == live_token(key))


def assert_ends_on(sandbox: Sandbox, key: Key, day: date) -> None:
    for end in (again(key).expires_at, datetime.fromisoformat(str(at(sandbox, key)["expires"]))):
        assert end is not None
        assert abs(end - last_moment_of(day)) < timedelta(minutes=2)


def test_the_key_gets_budget_models_and_end_at_the_gateway(
    as_staff: Client, staff: User, key: Key, intern: User, sandbox: Sandbox
) -> None:
    page = as_staff.get(address_of(key))
    assert "5.00 USD a month or less" in words_of(page).replace("\xa0", " ")
    assert address_of(key) in as_staff.get(reverse("keys:intern", args=[key.intern_id])).content.decode()
    as_seen = page.context["form"].initial["as_seen"]

    answer = as_staff.post(address_of(key), form(as_seen=as_seen), follow=True)

    assert answer.redirect_chain == [(reverse("keys:intern", args=[key.intern_id]), 302)]
    assert "The limits of “practical” are changed." in words_of(answer)
    row = at(sandbox, key)
    assert (row["max_budget"], row["budget_duration"], row["models"]) == (2, "30d", ["gpt-4o-mini"])
    assert_ends_on(sandbox, key, in_days(4))
    assert 'value="2.00"' in as_staff.get(address_of(key)).content.decode()
    override = LimitOverride.objects.get()
    assert (override.set_by, override.within_policy) == (staff, True)
    entry = AuditEntry.objects.of_key(key.pk).get(action="change")
    assert (entry.actor, entry.on_behalf_of) == (staff, "Intern B")
    assert "budget: 5.00 USD → 2.00 USD" in entry.remark.replace("\xa0", " ")
    Intern.objects.update(account=intern)
    theirs = words_of(signed_in(intern).get("/")).replace("\xa0", " ")
    assert f"practical , {staff.display_name} · 2.00 USD a month · models: gpt-4o-mini · expires on" in theirs
    assert "practical" not in words_of(signed_in(make_staff("other")).get("/"))
    assert_at_rest(sandbox)


def test_the_intern_reads_of_it_under_the_bell_and_in_one_mail(
    as_staff: Client, staff: User, key: Key, intern: User, sandbox: Sandbox
) -> None:
    Intern.objects.update(account=intern, email=intern.email)
    User.objects.filter(pk=intern.pk).update(language="fr")
    as_staff.post(address_of(key), form(expires_on=""))
    run_tasks()
    assert services.mail_limit_changes() == 0

    (message,) = mail.outbox
    assert message.to == [intern.email]
    assert message.subject == "[Passerelle] Les limites de «\u00a0practical\u00a0» ont changé"
    body = str(message.body).replace("\u00a0", " ")
    assert f"{staff.display_name} a changé les limites de la clé « practical »" in body
    assert "- budget : 5,00 USD → 2,00 USD" in body
    theirs = signed_in(intern)
    notice = words_of(theirs.get("/notices/", headers={"accept-language": "fr"})).replace("\xa0", " ")
    assert f"{staff.display_name} a changé les limites de « practical » : budget : 5,00 USD → 2,00 USD" in notice
    (change,) = LimitChange.objects.all()
    dismissal = {"kind": "limits", "id": str(change.pk)}
    assert announcements_and_number(intern, ["limits"], shown=False)[1] == 1
    assert as_staff.post("/notices/dismiss/", dismissal).status_code == 404
    assert theirs.post("/notices/dismiss/", dismissal).status_code == 302
    assert announcements_and_number(intern, ["limits"], shown=False)[1] == 0
    assert not vars(header_state(intern))["has_limits"]


def test_the_intern_gets_the_mail_as_they_want_it(as_staff: Client, key: Key, intern: User, sandbox: Sandbox) -> None:
    Intern.objects.update(account=intern, email=intern.email)
    choices = MailChoices.objects.create(person=intern, limits=False)
    as_staff.post(address_of(key), form())
    run_tasks()
    assert not mail.outbox

    MailChoices.objects.filter(pk=choices.pk).update(limits=True, daily=True)
    as_staff.post(address_of(key), form(budget_usd="3"))
    run_tasks()
    assert not mail.outbox
    assert "The limits of “practical” were changed" in DailyItem.objects.get().subject
    assert vars(header_state(intern))["has_limits"]

    Intern.objects.update(account=None, email="b@example.edu")  # without an account there is no choice
    as_staff.post(address_of(key), form(budget_usd="4"))
    run_tasks()
    assert [message.to for message in mail.outbox] == [["b@example.edu"]]


def test_empty_fields_follow_the_policy_again(as_staff: Client, key: Key, sandbox: Sandbox) -> None:
    as_staff.post(address_of(key), form())
    Key.objects.update(lifetime_started_at=timezone.now() - timedelta(days=29))
    with pytest.raises(services.KeyRefused, match="You have set the end of this key"):
        services.renew_key(key=again(key), actor=BY_TEST)

    as_staff.post(address_of(key), {"all_models": "on"})

    assert not LimitOverride.objects.exists()
    row = at(sandbox, key)
    assert (row["max_budget"], row["models"]) == (5, [])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"budget_usd": "5.01"}, "Your policy gives this key 5.00 USD a month. Choose that or less."),
        ({"budget_usd": "0"}, "greater than or equal to 0.01"),
        ({"model_names": ["gpt-4o"]}, "Select a valid choice."),
        ({"model_names": []}, "Choose at least one model"),
        ({"expires_on": "2020-01-01"}, "This day is over."),
        ({"expires_on": "stay"}, "The stay of the intern ends before."),
        ({"expires_on": "life"}, "Under your policy this key lives until"),
    ],
)
def test_more_than_the_policy_gives_is_refused(
    as_staff: Client, key: Key, sandbox: Sandbox, wrong: dict[str, Any], words: str
) -> None:
    change_policies(all_models=False, model_names=["general_nothink", "gpt-4o-mini"], temporary__lifetime_days=8)
    days = {"stay": in_days(11), "life": in_days(9)}
    wrong = {name: days.get(str(value), value) for name, value in wrong.items()}

    answer = as_staff.post(address_of(key), form(**wrong))

    assert answer.status_code == 422
    assert words in words_of(answer).replace("\xa0", " ")
    assert not LimitOverride.objects.exists()
    assert at(sandbox, key)["max_budget"] == 5


def test_the_service_refuses_more_too_also_what_is_only_granted(staff: User, key: Key) -> None:
    until = timezone.now() + timedelta(days=7)
    Grant.objects.create(person=staff, thing="budget", amount_usd=3, given_by=staff, ends_at=until)
    limits = limits_on(again(key))
    for wrong in (limits._replace(budget_usd=Decimal(6)), limits._replace(budget_period="1d")):
        with pytest.raises(services.KeyRefused, match="more than your policy gives"):
            services.set_limits(key=again(key), actor=BY_TEST, limits=wrong, within_policy=True)
    late = last_moment_of(in_days(11))
    with pytest.raises(services.KeyRefused, match="more than your policy gives"):
        services.set_limits(key=again(key), actor=BY_TEST, limits=limits, expires_at=late, within_policy=True)
    assert not LimitOverride.objects.exists()


def test_a_policy_that_is_narrowed_later_narrows_the_key(as_staff: Client, key: Key, sandbox: Sandbox) -> None:
    as_staff.post(address_of(key), form(budget_usd="4", model_names=["gpt-4o", "gpt-4o-mini"]))

    change_policies(all_models=False, model_names=["gpt-4o"], temporary__budget_usd=Decimal(3))
    change_policies(temporary__lifetime_days=2)
    services.apply_policies(BY_THE_PORTAL)

    row = at(sandbox, key)
    assert (row["max_budget"], row["models"]) == (3, ["gpt-4o"])
    end = again(key).expires_at
    assert end is not None
    assert end < timezone.now() + timedelta(days=2, minutes=2)
    assert not services.find_outdated()
    change_policies(model_names=["general_nothink"], temporary__budget_usd=Decimal(100))
    services.apply_policies(BY_THE_PORTAL)
    row = at(sandbox, key)
    assert (row["max_budget"], row["models"]) == (4, ["general_nothink"])  # its own budget counts again


def test_a_model_that_is_granted_to_the_supervisor_is_not_given_to_the_intern(
    as_staff: Client, staff: User, key: Key, sandbox: Sandbox
) -> None:
    change_policies(all_models=False, model_names=["gpt-4o-mini", "general_nothink"])
    as_staff.post(address_of(key), form())
    until = timezone.now() + timedelta(days=7)
    Grant.objects.create(person=staff, thing="model", name="gpt-4o", given_by=staff, ends_at=until)

    services.apply_policies(BY_THE_PORTAL)

    assert at(sandbox, key)["models"] == ["gpt-4o-mini"]


def test_limits_of_an_admin_stand_and_an_admin_replaces_those_of_a_supervisor(
    as_staff: Client, key: Key, sandbox: Sandbox
) -> None:
    as_staff.post(address_of(key), form())
    limits = limits_on(again(key))._replace(budget_usd=Decimal(9))
    services.set_limits(key=again(key), actor=BY_TEST, limits=limits)

    for answer in (as_staff.get(address_of(key)), as_staff.post(address_of(key), form(budget_usd="1"))):
        assert answer.status_code == 409
        assert "An administrator has set limits for this key." in words_of(answer)
    low = limits._replace(budget_usd=Decimal(1))
    with pytest.raises(services.KeyRefused, match="An administrator has set limits"):
        services.set_limits(key=again(key), actor=BY_TEST, limits=low, within_policy=True)
    assert at(sandbox, key)["max_budget"] == 9


def test_a_form_that_is_older_than_a_change_of_the_policy_is_refused(as_staff: Client, key: Key) -> None:
    as_seen = as_staff.get(address_of(key)).context["form"].initial["as_seen"]
    change_policies(rpm_limit=30)

    answer = as_staff.post(address_of(key), form(as_seen=as_seen))

    assert answer.status_code == 409
    assert "have changed since the page was opened" in words_of(answer)
    assert not LimitOverride.objects.exists()


def test_an_unavailable_gateway_gets_the_limits_later(
    as_staff: Client, key: Key, sandbox: Sandbox, settings: Settings
) -> None:
    url, settings.GATEWAY_URL = settings.GATEWAY_URL, f"http://127.0.0.1:{free_port()}"

    answer = as_staff.post(address_of(key), form(), follow=True)

    assert "The gateway has not confirmed them yet" in words_of(answer)
    settings.GATEWAY_URL = url
    services.apply_policies(BY_THE_PORTAL)
    assert at(sandbox, key)["max_budget"] == 2
    assert_ends_on(sandbox, key, in_days(4))


def test_is_for_the_supervisor_of_the_intern_only(
    as_staff: Client, key: Key, as_intern: Client, intern: User, as_admin: Client
) -> None:
    Intern.objects.update(account=intern)
    for stranger in (as_intern, as_admin, signed_in(make_staff("other"))):
        assert stranger.get(address_of(key)).status_code == 404
        assert stranger.post(address_of(key), form()).status_code == 404
    Key.objects.filter(pk=key.pk).update(kind=Key.Kind.EXTERNAL)
    assert as_staff.post(address_of(key), form()).status_code == 404
    assert not LimitOverride.objects.exists()


def test_accepts_get_and_post_only(as_staff: Client, key: Key) -> None:
    assert_only(as_staff, address_of(key), "get", "post")


def test_no_mail_to_an_intern_whose_account_is_deactivated(
    as_staff: Client, key: Key, intern: User, sandbox: Sandbox
) -> None:
    Intern.objects.update(account=intern, email=intern.email)
    User.objects.filter(pk=intern.pk).update(is_active=False)
    as_staff.post(address_of(key), form(expires_on=""))

    run_tasks()

    assert not mail.outbox
