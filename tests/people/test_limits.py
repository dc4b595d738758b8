"""Other limits for one key: given by an admin and kept by the gateway."""

from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditEntry, Grant, User
from gateway.errors import GatewayUnavailable
from keys import services
from keys.models import GatewayModel, Intern, Key, LimitOverride
from keys.renewal import last_moment_of
from keys.services.key_limits import Limits, limits_on
from tests.factories import change_policies, make_staff
from tests.keys.actions import BY_TEST, again, assert_at_rest, ending_in, issue, live_token
from tests.keys.views.pages import words_of
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(intern: User, sandbox: Sandbox) -> Key:
    return issue(intern).key


def today() -> Any:
    return timezone.localdate(timezone=timezone.get_default_timezone())


def top_up_form(**about: Any) -> dict[str, Any]:
    return {"amount_usd": "2", "ends_on": today() + timedelta(days=7), "reason": "last chapter", **about}


def limits_form(**about: Any) -> dict[str, Any]:
    """Return the form as it is proposed for an intern's key: that of the policy of tests."""
    form = {"budget_usd": "5", "budget_period": "30d", "rpm_limit": "60", "tpm_limit": "100000"}
    return {**form, "all_models": "on", "reason": "for the thesis", **about}


def end_of(key: Key) -> datetime:
    end = again(key).expires_at
    assert end
    return end


def intern_of(key: Key) -> Intern:
    intern = again(key).intern
    assert intern
    return intern


def plain(text: object) -> str:
    """Return a text without the blanks at which no line breaks."""
    return str(text).replace("\xa0", " ")


def url_of(name: str, owner: User, *arguments: object) -> str:
    return reverse(f"people:{name}", args=[owner.pk, *arguments])


def at(sandbox: Sandbox, key: Key) -> dict[str, Any]:
    return next(row for row in sandbox.live_keys() if row["token"] == live_token(key))


def own(**about: Any) -> Limits:
    """Return limits that are not those of the policy."""
    values = {
        "budget_usd": Decimal(9),
        "budget_period": "7d",
        "rpm_limit": 7,
        "tpm_limit": 700,
        "model_names": ["gpt-4o"],
    }
    return Limits(**{**values, **about})


def test_a_key_gets_other_limits_and_its_owner_a_mail(
    as_manager: Client, key: Key, intern: User, sandbox: Sandbox
) -> None:
    other = issue(intern, "other").key
    ends_on = today() + timedelta(days=90)
    address = url_of("limit_key", intern, key.pk)
    asked = as_manager.get(address)
    assert "Change the limits of “thesis”?" in words_of(asked)
    form = {name: field.initial for name, field in asked.context["asked"].form.fields.items()}
    assert form.keys() >= limits_form().keys()

    form = limits_form(budget_usd="20", tpm_limit="900", expires_on=ends_on)
    response = as_manager.post(address, form, follow=True)

    assert "The limits of “thesis” are changed." in words_of(response)
    row = at(sandbox, key)
    assert (row["max_budget"], row["tpm_limit"], row["rpm_limit"]) == (20, 900, 60)
    assert abs(end_of(key) - last_moment_of(ends_on)) < timedelta(minutes=2)
    assert at(sandbox, other)["max_budget"] == 5
    entry = AuditEntry.objects.of_key(key.pk).get(action="change")
    assert "budget: 5.00 USD → 20.00 USD; tokens per minute: 100000 → 900; end: – →" in plain(entry.remark)
    assert "thesis" not in str(entry.details)
    run_tasks()
    (message,) = mail.outbox
    assert "- budget: 5.00 USD → 20.00 USD" in plain(message.body)
    assert "Reason: for the thesis" in message.body
    assert_at_rest(sandbox)


def test_set_limits_survive_policies_renewals_rotation_sweep_and_sync(intern: User, key: Key, sandbox: Sandbox) -> None:
    end = last_moment_of(today() + timedelta(days=300))
    assert services.set_limits(key=again(key), actor=BY_TEST, limits=own(), expires_at=end).has_followed
    change_policies(rpm_limit=1, temporary__lifetime_days=9, budget_usd=Decimal(1))

    for action in (services.sweep_keys, services.sync_keys, lambda: services.apply_policies(BY_THE_PORTAL)):
        action()
        found = again(key)
        assert limits_on(found) == own()
        assert abs(end_of(found) - end) < timedelta(minutes=2)
    with pytest.raises(services.KeyRefused, match="An end was set for this key"):
        services.renew_key(key=again(key), actor=BY_TEST, early=True)
    services.rotate_key(key=again(key), actor=BY_TEST)
    assert [(row["max_budget"], row["rpm_limit"], row["models"]) for row in sandbox.live_keys()] == [
        (9, 7, ["gpt-4o"])
    ] * 2
    sandbox.call("POST", "/key/update", body={"key": live_token(key), "duration": "3d"})
    services.sync_keys()
    services.apply_policies(BY_THE_PORTAL)
    assert abs(end_of(key) - end) < timedelta(minutes=2)


def test_a_key_with_limits_of_its_own_and_no_end_is_renewed_with_them(key: Key, sandbox: Sandbox) -> None:
    services.set_limits(key=again(key), actor=BY_TEST, limits=own())

    services.renew_key(key=again(key), actor=BY_TEST, early=True)

    assert limits_on(again(key)) == own()
    assert at(sandbox, key)["max_budget"] == 9


def test_unchanged_limits_keep_following_the_policy(
    as_manager: Client, key: Key, intern: User, sandbox: Sandbox
) -> None:
    address = url_of("limit_key", intern, key.pk)
    as_manager.post(address, limits_form(budget_usd="20"))
    change_policies(rpm_limit=33)
    services.apply_policies(BY_THE_PORTAL)

    row = at(sandbox, key)
    assert (row["max_budget"], row["rpm_limit"]) == (20, 33)

    as_manager.post(address, limits_form(rpm_limit="33"))  # as the policy has it
    assert not LimitOverride.objects.exists()
    assert at(sandbox, key)["max_budget"] == 5


def test_limits_that_are_set_during_a_grant_end_without_it(
    as_manager: Client, key: Key, intern: User, sandbox: Sandbox
) -> None:
    change_policies(all_models=False, model_names=["gpt-4o-mini"])
    for name in ("gpt-4o-mini", "gpt-4o", "general_nothink"):
        GatewayModel.objects.get_or_create(name=name)
    as_manager.post(url_of("top_up", intern), top_up_form())
    until = timezone.now() + timedelta(days=7)
    Grant.objects.create(person=intern, thing="model", name="gpt-4o", given_by=intern, ends_at=until)
    address = url_of("limit_key", intern, key.pk)
    page = as_manager.get(address)
    assert page.context["asked"].form.initial["budget_usd"] == 5
    assert "What is granted to Intern A is not in these limits" in words_of(page)
    as_manager.post(address, limits_form(all_models="", model_names=["gpt-4o-mini"], rpm_limit="7"))
    row = at(sandbox, key)
    assert (row["max_budget"], row["models"], row["rpm_limit"]) == (7, ["gpt-4o", "gpt-4o-mini"], 7)

    form = limits_form(all_models="", model_names=["gpt-4o-mini", "general_nothink"], budget_period="7d")
    as_manager.post(address, form)

    row = at(sandbox, key)
    assert (row["max_budget"], row["budget_duration"]) == (5, "7d")
    assert row["models"] == ["general_nothink", "gpt-4o", "gpt-4o-mini"]
    for grant in Grant.objects.all():
        services.end_grant(grant=grant, actor=BY_TEST)
    services.apply_due_grants()
    row = at(sandbox, key)
    assert (row["max_budget"], row["models"]) == (5, ["general_nothink", "gpt-4o-mini"])
    assert not services.find_outdated()


@pytest.mark.parametrize("change", ["policy", "limits", "end"])
def test_a_form_that_is_older_than_a_change_freezes_nothing(
    as_manager: Client, key: Key, intern: User, change: str
) -> None:
    address = url_of("limit_key", intern, key.pk)
    form = limits_form(budget_usd="20", as_seen=as_manager.get(address).context["asked"].form.initial["as_seen"])
    as_read = limits_on(again(key))
    if change == "policy":
        change_policies(rpm_limit=30)
    elif change == "limits":
        services.set_limits(key=again(key), actor=BY_TEST, limits=as_read._replace(tpm_limit=7))
    else:
        end = timezone.now() + timedelta(days=5)
        services.set_limits(key=again(key), actor=BY_TEST, limits=as_read, expires_at=end)
    before = list(LimitOverride.objects.values())

    response = as_manager.post(address, form)

    assert response.status_code == 409
    assert "have changed since the page was opened" in words_of(response)
    assert list(LimitOverride.objects.values()) == before


def test_a_grant_in_the_meantime_does_not_make_a_form_old(as_manager: Client, key: Key, intern: User) -> None:
    address = url_of("limit_key", intern, key.pk)
    form = limits_form(rpm_limit="7", as_seen=as_manager.get(address).context["asked"].form.initial["as_seen"])
    as_manager.post(url_of("top_up", intern), top_up_form())

    assert as_manager.post(address, form).status_code == 302
    assert LimitOverride.objects.get().fields == ["rpm_limit"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"budget_usd": "-1"},
        {"budget_period": "1y"},
        {"rpm_limit": "0"},
        {"all_models": ""},
        {"all_models": "", "model_names": ["unheard of"]},
        {"expires_on": "2020-01-01"},
        {"reason": ""},
    ],
)
def test_invalid_limits_change_nothing(as_manager: Client, key: Key, intern: User, wrong: dict[str, Any]) -> None:
    assert as_manager.post(url_of("limit_key", intern, key.pk), limits_form(**wrong)).status_code == 422
    assert not LimitOverride.objects.exists()


def test_unchanged_limits_other_kinds_and_deleted_keys_are_refused(as_manager: Client, key: Key, intern: User) -> None:
    address = url_of("limit_key", intern, key.pk)
    assert as_manager.post(address, limits_form()).status_code == 409
    for change in ({"kind": "external"}, {"kind": "temporary", "state": "deleted"}):
        Key.objects.filter(pk=key.pk).update(**change)
        assert as_manager.post(address, limits_form(budget_usd="20")).status_code == 409
    assert not LimitOverride.objects.exists()


def test_the_stay_of_an_intern_bounds_the_end(as_manager: Client, sandbox: Sandbox) -> None:
    staff = make_staff()
    last = today() + timedelta(days=5)
    key = issue(staff, intern_name="Ada", stay_ends_on=last).key
    address = url_of("limit_key", staff, key.pk)
    form = limits_form(budget_usd="100", rpm_limit="", tpm_limit="", expires_on=last + timedelta(days=1))

    assert as_manager.post(address, form).status_code == 422
    as_manager.post(address, {**form, "expires_on": last - timedelta(days=1)})
    services.change_stay(intern=intern_of(key), ends_on=last - timedelta(days=3), actor=BY_TEST)
    services.sweep_keys()
    services.apply_policies(BY_THE_PORTAL)

    end: datetime | None = again(key).expires_at
    assert end is not None
    assert abs(end - last_moment_of(last - timedelta(days=3))) < timedelta(minutes=2)


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "error", "html"])
def test_the_next_run_applies_limits_after_a_gateway_failure(key: Key, sandbox: Sandbox, fault: str) -> None:
    sandbox.faults("/key/update", fault, status=503)

    assert not services.set_limits(key=again(key), actor=BY_TEST, limits=own()).has_followed
    sandbox.clear_faults()
    services.sweep_keys()
    with suppress(GatewayUnavailable):
        services.apply_policies(BY_THE_PORTAL)

    assert at(sandbox, key)["rpm_limit"] == 7
    assert limits_on(again(key)) == own()
    assert not services.find_outdated()
    assert_at_rest(sandbox)


def test_the_next_run_gives_an_expired_key_the_end_that_an_admin_has_set(key: Key, sandbox: Sandbox) -> None:
    ending_in(key, sandbox, days=-1)
    sandbox.faults("/key/update", "error", status=503, times=9)
    end = timezone.now() + timedelta(days=5)

    done = services.set_limits(key=again(key), actor=BY_TEST, limits=limits_on(again(key)), expires_at=end)
    sandbox.clear_faults()
    services.apply_policies(BY_THE_PORTAL)

    assert not done.has_followed
    assert abs(end_of(key) - end) < timedelta(minutes=2)
    LimitOverride.objects.update(expires_at=timezone.now() - timedelta(days=1))
    ending_in(key, sandbox, days=-1)
    assert not services.find_outdated()  # an end that is past too revives no key


def test_limits_of_an_expired_key_that_the_gateway_does_not_have_are_reported(key: Key, sandbox: Sandbox) -> None:
    ending_in(key, sandbox, days=-1)
    sandbox.faults("/key/update", "error", status=503, times=9)

    assert not services.set_limits(key=again(key), actor=BY_TEST, limits=own()).has_followed


def test_an_end_that_an_admin_has_set_ends_the_old_secret_too(key: Key, sandbox: Sandbox) -> None:
    services.rotate_key(key=again(key), actor=BY_TEST)
    old, end = again(key).retiring, timezone.now() + timedelta(hours=1)
    assert old is not None
    assert old.retires_at is not None

    for wanted in (end, old.retires_at + timedelta(days=1)):  # a later one does not prolong it
        services.set_limits(key=again(key), actor=BY_TEST, limits=limits_on(again(key)), expires_at=wanted)
        old.refresh_from_db()
        assert old.retires_at == end


def test_a_key_that_is_handed_over_follows_the_policy_again(sandbox: Sandbox) -> None:
    staff, other = make_staff(), make_staff("other")
    key = issue(staff, intern_name="Ada").key
    services.set_limits(key=again(key), actor=BY_TEST, limits=own())

    services.hand_over(intern=intern_of(key), to=other, actor=BY_TEST)

    assert not LimitOverride.objects.exists()
    assert at(sandbox, key)["rpm_limit"] is None


def test_the_reason_is_deleted_with_the_person(as_manager: Client, key: Key, intern: User) -> None:
    as_manager.post(url_of("top_up", intern), top_up_form())
    as_manager.post(url_of("limit_key", intern, key.pk), limits_form(budget_usd="20"))

    as_manager.post(url_of("anonymise", intern))

    assert (Grant.objects.get().reason, LimitOverride.objects.get().reason) == ("", "")


def test_the_owner_is_not_asked_to_renew_a_key_whose_end_was_set(key: Key, intern: User) -> None:
    services.set_limits(key=again(key), actor=BY_TEST, limits=limits_on(again(key)), expires_at=last_moment_of(today()))
    if end_of(key) > timezone.now() + timedelta(minutes=5):
        Key.objects.update(lifetime_started_at=timezone.now() - timedelta(days=20))
        services.remind_owners()

        assert "a renewal cannot change it" in mail.outbox[0].body
