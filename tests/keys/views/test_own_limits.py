"""A person chooses models and a lower budget for a key of their own, when it is created and later."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditEntry, Grant, User
from keys import services
from keys.models import GatewayModel, Key, LimitChange, LimitOverride
from keys.services.key_limits import Limits
from tests.conftest import HTMX
from tests.factories import change_policies
from tests.keys.actions import BY_TEST, again, assert_at_rest, ending_in, issue
from tests.keys.views.pages import key_request, words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db
CREATE, FORM = "/keys/create/", "/?limits=1"
CHOSEN = "Chosen for this key, within the policy."
MODELS = ("general_nothink", "gpt-4o", "gpt-4o-mini")


@pytest.fixture(autouse=True)
def policy(intern: User, staff: User) -> None:
    """Give every kind 5 USD a month and two of three models."""
    for name in MODELS:
        GatewayModel.objects.get_or_create(name=name)
    change_policies(budget_usd=Decimal(5), budget_period="30d", all_models=False, model_names=list(MODELS[1:]))


def own(**about: Any) -> dict[str, Any]:
    return {**key_request(), "budget_usd": "2", "model_names": ["gpt-4o-mini"], **about}


def words(answer: Any) -> str:
    return words_of(answer).replace("\xa0", " ")


def limits_at(sandbox: Sandbox) -> list[tuple[Any, ...]]:
    return [(row["max_budget"], row["budget_duration"], row["models"]) for row in sandbox.live_keys()]


def test_the_gateway_gets_what_was_chosen_and_keeps_it(
    as_intern: Client, intern: User, sandbox: Sandbox, way: dict[str, str]
) -> None:
    page = as_intern.get(FORM)
    assert "Empty: as your policy says (Temporary 5.00 USD a month)." in words(page)
    assert [box.data["value"] for box in page.context["form"]["model_names"]] == list(MODELS[1:])

    answer = as_intern.post(CREATE, own(), headers=way)

    assert answer.status_code == 201
    assert "Up to 2.00 USD a month (UTC). 1 model." in words(answer)
    assert limits_at(sandbox) == [(2, "30d", ["gpt-4o-mini"])]
    override = LimitOverride.objects.get()
    assert (override.set_by, override.within_policy) == (intern, True)
    entry = AuditEntry.objects.of_key(override.key_id).get()
    assert (entry.action, entry.outcome) == ("issue", "done")
    assert "budget: 5.00 USD → 2.00 USD; models: gpt-4o, gpt-4o-mini → gpt-4o-mini." in entry.remark.replace(
        "\xa0", " "
    )
    key = services.renew_key(key=ending_in(override.key, sandbox, days=3), actor=BY_TEST)
    services.rotate_key(key=again(key), actor=BY_TEST)
    assert services.apply_policies(BY_THE_PORTAL) == 0
    assert limits_at(sandbox) == [(2, "30d", ["gpt-4o-mini"])] * 2
    assert_at_rest(sandbox)


def test_the_fields_come_when_they_are_wanted_and_stay_with_an_error(as_intern: Client, sandbox: Sandbox) -> None:
    assert 'name="budget_usd"' not in as_intern.get("/").content.decode()
    part = as_intern.get(FORM, headers=HTMX).content.decode()
    assert 'name="budget_usd"' in part
    assert 'id="keys-own-limits" tabindex="-1" autofocus' in part  # the link that had the focus is gone
    assert "<form" not in part

    answer = as_intern.post(CREATE, own(label=""))

    assert answer.status_code == 422
    assert 'value="2"' in answer.content.decode()
    assert 'value="gpt-4o-mini" class="form-check-input" id="id_model_names_1" checked' in answer.content.decode()


def test_what_is_empty_follows_the_policy(as_intern: Client, sandbox: Sandbox) -> None:
    as_intern.post(CREATE, own(budget_usd="", model_names=[]))
    as_intern.post(CREATE, own(label="the same", budget_usd="5", model_names=list(MODELS[1:])))

    assert not LimitOverride.objects.exists()
    change_policies(model_names=list(MODELS), budget_usd=Decimal(6))
    services.apply_policies(BY_THE_PORTAL)
    assert limits_at(sandbox) == [(6, "30d", sorted(MODELS))] * 2


def test_all_models_ticked_are_those_of_the_policy(as_intern: Client, sandbox: Sandbox) -> None:
    for number, everything in enumerate((True, False)):
        change_policies(all_models=everything, model_names=[] if everything else [*MODELS, "not-there-any-more"])
        offered = [box.data["value"] for box in as_intern.get(FORM).context["form"]["model_names"]]
        assert as_intern.post(CREATE, own(label=f"key {number}", model_names=offered)).status_code == 201

    assert [row.fields for row in LimitOverride.objects.all()] == [["budget_usd", "budget_period"]] * 2


def test_more_than_the_policy_gives_is_refused_by_form_and_service(
    as_staff: Client, staff: User, sandbox: Sandbox
) -> None:
    change_policies(personal__budget_usd=Decimal(9), personal__model_names=list(MODELS))
    assert "Personal 9.00 USD a month, Temporary 5.00 USD a month" in words(as_staff.get(FORM))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"budget_usd": "5.01"}, "Your policy gives this key 5.00 USD a month. Choose that or less."),
        ({"budget_usd": "0"}, "greater than or equal to 0.01"),
        ({"model_names": ["general_nothink"]}, "does not allow these models for such a key: general_nothink."),
        ({"model_names": ["none"]}, "Select a valid choice."),
    ]
    for about, reason in wrong:
        answer = as_staff.post(CREATE, own(**about))
        assert answer.status_code == 422
        assert reason in words(answer)
    for request in ({"budget_usd": Decimal("5.01")}, {"model_names": ("general_nothink",)}, {"model_names": ()}):
        with pytest.raises(services.KeyRefused, match="more than your policy gives"):
            issue(staff, **request)
    assert not Key.objects.exists()
    assert as_staff.post(CREATE, own(kind="personal", budget_usd="9", model_names=MODELS[:1])).status_code == 201
    assert limits_at(sandbox) == [(9, "30d", ["general_nothink"])]


def test_a_key_for_an_intern_gets_it_too_without_what_is_granted(
    as_staff: Client, staff: User, sandbox: Sandbox
) -> None:
    until = timezone.now() + timedelta(days=7)
    Grant.objects.create(person=staff, thing="model", name="general_nothink", given_by=staff, ends_at=until)
    granted = own(model_names=["general_nothink"], intern_name="Intern B")
    assert "does not allow these models for such a key" in words(as_staff.post(CREATE, granted))

    assert as_staff.post(CREATE, own(intern_name="Intern B")).status_code == 201

    assert limits_at(sandbox) == [(2, "30d", ["gpt-4o-mini"])]
    assert not LimitChange.objects.exists()  # they never had others


def test_a_granted_model_can_be_chosen_until_the_grant_ends(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    until = timezone.now() + timedelta(days=7)
    grant = Grant.objects.create(person=intern, thing="model", name="general_nothink", given_by=intern, ends_at=until)
    as_intern.post(CREATE, own(model_names=["general_nothink", "gpt-4o"]))
    assert limits_at(sandbox) == [(2, "30d", ["general_nothink", "gpt-4o"])]

    Grant.objects.filter(pk=grant.pk).update(created_at=until - timedelta(days=9), ends_at=timezone.now())
    services.apply_policies(BY_THE_PORTAL)

    assert limits_at(sandbox) == [(2, "30d", ["gpt-4o"])]


def test_a_narrower_policy_takes_models_and_budget_away(as_intern: Client, sandbox: Sandbox) -> None:
    change_policies(model_names=list(MODELS))
    as_intern.post(CREATE, own(model_names=list(MODELS[1:]), budget_usd="4"))

    change_policies(model_names=["gpt-4o", "general_nothink"], budget_usd=Decimal(3))
    services.apply_policies(BY_THE_PORTAL)

    assert limits_at(sandbox) == [(3, "30d", ["gpt-4o"])]
    there = reverse("keys:detail", args=[Key.objects.get().pk])
    assert words(as_intern.get(there)).count(CHOSEN) == 1  # not the budget
    change_policies(model_names=["general_nothink"])
    services.apply_policies(BY_THE_PORTAL)
    assert limits_at(sandbox) == [(3, "30d", ["general_nothink"])]
    assert "no longer allows any of the models that were chosen" in words(as_intern.get(there))
    change_policies(model_names=list(MODELS), budget_usd=Decimal(5))
    services.apply_policies(BY_THE_PORTAL)
    assert limits_at(sandbox) == [(4, "30d", ["gpt-4o", "gpt-4o-mini"])]
    assert words(as_intern.get(there)).count(CHOSEN) == 2


def test_is_changed_later_and_given_back(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    address, there = reverse("keys:limits", args=[key.pk]), reverse("keys:detail", args=[key.pk])
    assert address in as_intern.get(there).content.decode()
    as_seen = as_intern.get(address).context["form"].initial["as_seen"]

    answer = as_intern.post(address, {"budget_usd": "1", "model_names": ["gpt-4o"], "as_seen": as_seen}, follow=True)

    assert answer.redirect_chain == [(there, 302)]
    assert "The limits of “thesis” are changed." in words(answer)
    assert limits_at(sandbox) == [(1, "30d", ["gpt-4o"])]
    as_intern.post(address, {"all_models": "on"})
    assert not LimitOverride.objects.exists()
    assert limits_at(sandbox) == [(5, "30d", list(MODELS[1:]))]


def test_an_amount_that_is_not_changed_keeps_its_period(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    key = issue(intern, budget_usd=Decimal(2)).key
    change_policies(budget_period="1d")

    as_intern.post(reverse("keys:limits", args=[key.pk]), {"budget_usd": "2", "model_names": ["gpt-4o"]})

    assert limits_at(sandbox) == [(2, "30d", ["gpt-4o"])]


def test_limits_of_an_admin_stand(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    key = issue(intern, budget_usd=Decimal(2)).key
    limits = Limits(Decimal(9), "30d", None, None, ["gpt-4o"])
    services.set_limits(key=again(key), actor=BY_TEST, limits=limits)

    answer = as_intern.post(reverse("keys:limits", args=[key.pk]), {"budget_usd": "1", "all_models": "on"})

    assert answer.status_code == 409
    assert limits_at(sandbox) == [(9, "30d", ["gpt-4o"])]


def test_a_key_that_could_not_be_created_leaves_nothing_at_the_gateway(
    as_intern: Client, sandbox: Sandbox, settings: Settings
) -> None:
    url, settings.GATEWAY_URL = settings.GATEWAY_URL, f"http://127.0.0.1:{free_port()}"
    assert as_intern.post(CREATE, own()).status_code == 503
    settings.GATEWAY_URL = url

    answer = as_intern.post(CREATE, own())  # the same label again

    assert answer.status_code == 201
    assert limits_at(sandbox) == [(2, "30d", ["gpt-4o-mini"])]
    assert_at_rest(sandbox)
