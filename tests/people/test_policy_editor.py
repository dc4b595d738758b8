"""The editor of a policy on the portal: its form, what it says before it saves, who may use it, what follows."""

import re
from decimal import Decimal
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.forms import CheckboxInput
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.audit import BY_THE_PORTAL
from accounts.models import AuditAction, AuditEntry, KeyKind, KeyRule, Policy
from gateway.errors import GatewayUnavailable
from keys.models import GatewayModel, PersonBudget
from keys.services import apply_policies_to, find_outdated
from people.services import PolicyConflict, save_policy, version_of
from tests.conftest import HTMX, signed_in
from tests.factories import make_policy, make_user
from tests.keys.actions import again, issue
from tests.keys.views.pages import words_of
from tests.people.conftest import with_permissions
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks, waiting_tasks
from usage.models import DayPerson, DayToken, TokenRef, utc_today

pytestmark = pytest.mark.django_db


def url(group: Group | None, name: str = "change_policy") -> str:
    if group is None:
        return reverse(f"people:{name.replace('policy', 'default_policy')}")
    return reverse(f"people:{name}", args=[group.pk])


def form_on(page: Any) -> dict[str, list[str]]:
    """Return what a browser would send of a page's form, without having touched it."""
    context = page.context
    sent: dict[str, list[str]] = {"version": [context["version"]]}
    if "editor" not in context:  # of the page that asks for a yes
        for name, value in context["fields"]:
            sent.setdefault(name, []).append(value)
        return sent
    for form in (context["editor"].policy_form, *context["editor"].rule_forms):
        for field in form:
            value = field.field.widget.format_value(field.value())
            ticked = {True: ["on"], False: []}
            values = value if isinstance(value, list) else [value]
            sent[field.html_name] = ticked[field.value() in (True, "on")] if _is_box(field) else values
    return {name: ["" if value is None else str(value) for value in values] for name, values in sent.items() if values}


def _is_box(field: Any) -> bool:
    return isinstance(field.field.widget, CheckboxInput)


def edited(browser: Client, group: Group | None, **fields: Any) -> dict[str, Any]:
    """Return the form of a group's policy with some fields changed: "temporary__rpm_limit"."""
    form: dict[str, Any] = form_on(browser.get(url(group)))
    return form | {name.replace("__", "-"): value for name, value in fields.items()}


def save(browser: Client, group: Group | None, **fields: Any) -> Any:
    return browser.post(url(group), {**edited(browser, group, **fields), "step": "save"})


@pytest.fixture
def course(sandbox: Sandbox) -> Group:
    """Make a group whose policy names a model that the gateway has, and one that it has not."""
    for place, name in enumerate(("small", "large")):
        GatewayModel.objects.create(name=name, mode="chat", position=place, input_usd_per_million=Decimal("1.5"))
    names = {"all_models": False, "model_names": ["small", "gone"]}
    make_policy(
        "Course", max_live_keys=3, person_budget_usd=Decimal(7), **{f"temporary__{k}": v for k, v in names.items()}
    )
    return Group.objects.get(name="Course")


# --- The form -----------------------------------------------------------------------------------------
def test_shows_the_policy_and_saving_it_unchanged_does_nothing(as_manager: Client, course: Group) -> None:
    ends_at = timezone.now().replace(second=7, microsecond=9)
    KeyRule.objects.filter(policy__group=course, kind="personal").update(ends_at=ends_at)
    page = as_manager.get(url(course))
    words = words_of(page)

    for said in (
        "small Chat · in 1.50, out – USD per million tokens",
        "gone the gateway does not have it",
        "They stay in the policy until you untick them.",
    ):
        assert said in words, said
    form = form_on(page)
    assert form["temporary-model_names"] == ["small", "gone"]
    assert "temporary-allowed" not in form
    assert "playground-max_keys" not in form
    assert form["person_budget_usd"] == ["7.00"]
    answer = as_manager.post(url(course), {**form, "step": "preview"})
    assert answer.status_code == 422
    assert "Nothing was changed." in words_of(answer)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("person_budget_usd", "-1", "greater than or equal to 0.01"),
        ("max_live_keys", "x", "Enter a whole number"),
        ("personal-lifetime_days", "0", "greater than or equal to 1"),
        ("personal-budget_period", "9d", "Select a valid choice"),
        ("playground-ends_at", "soon", "Enter a valid date/time"),
        ("temporary-model_names", [], "List at least one model"),
        ("temporary-model_names", ["invented"], "Select a valid choice"),
        ("group_budget_usd", "0", "greater than or equal to 0.01"),
        ("group_warn_percent", "100", "less than or equal to 99"),
        ("at_once_usd", "0", "greater than or equal to 0.01"),
        ("on_request", ["invented"], "Select a valid choice"),
    ],
)
def test_an_error_is_shown_at_its_field(as_manager: Client, course: Group, name: str, value: Any, why: str) -> None:
    before = list(KeyRule.objects.values_list())

    answer = as_manager.post(url(course), {**edited(as_manager, course), name: value, "step": "save"})

    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Please correct one thing" in page
    assert re.search(rf'href="#(id_{name})"', page)
    assert re.search(rf'id="id_{name}(_error)?".*?{why}', page, re.DOTALL)
    assert list(KeyRule.objects.values_list()) == before


def test_models_on_request_are_those_that_some_keys_cannot_call(as_manager: Client, course: Group) -> None:
    some = {"personal__all_models": [], "personal__model_names": ["small"]}
    playground = {"playground__all_models": [], "playground__model_names": ["small"]}

    answer = save(as_manager, course, on_request=["small", "large"], **some, **playground)
    assert answer.status_code == 422
    assert "All keys can already call these models: small." in words_of(answer)
    assert save(as_manager, course, on_request=["large"], at_once_usd="2.5", **some, **playground).status_code == 302

    page = words_of(as_manager.get(reverse("people:group", args=[course.pk])))
    assert "More budget without asking 2.50 USD a month" in page
    assert "Models on request large" in page
    entry = AuditEntry.objects.get(object_kind="policy")
    assert "models on request: – → large" in entry.remark
    KeyRule.objects.update(all_models=True)
    answer = save(as_manager, course, at_once_usd="3")
    assert "All keys can already call these models: large." in words_of(answer)


def test_a_budget_of_the_group_is_previewed_saved_and_enforced(as_manager: Client, course: Group) -> None:
    ada = make_user("ada", groups=("Course",))
    reference = TokenRef.objects.create(token="a" * 64, owner=ada)
    DayToken.objects.create(day=utc_today(), token_ref=reference, spend_usd="12.5")
    DayPerson.objects.create(day=utc_today(), person_number=ada.pk, spend_usd="12.5")
    changed = {"group_budget_usd": "12", "group_warn_percent": "60", "group_budget_stops": "on"}

    asked = as_manager.post(url(course), {**edited(as_manager, course, **changed), "step": "preview"})
    assert "The group has spent 12.50 USD this month: the keys of all its members stop at once" in words_of(asked)
    assert "0 people, 0 keys change" in words_of(asked)
    waiting_tasks()
    assert save(as_manager, course, **changed).status_code == 302
    assert "usage.enforce_ceilings" in [name for name, _arguments in waiting_tasks()]

    page = words_of(as_manager.get(reverse("people:group", args=[course.pk])))
    assert "The keys of all its members are stopped until" in page
    assert "12.50 of 12.00 USD" in page
    assert "12.00 USD, warning at 60 %, keys stop when it is used up" in page
    assert "12.50 USD of 12.00 USD" in words_of(as_manager.get(reverse("people:groups")))
    remark = AuditEntry.objects.get(object_kind="policy").remark
    assert "monthly budget of the group, USD: – → 12.00" in remark
    asked = as_manager.post(url(course), {**edited(as_manager, course, group_budget_usd="13"), "step": "preview"})
    assert "stop at once" not in words_of(asked)


def test_the_default_policy_has_no_budget_of_a_group(as_manager: Client, course: Group) -> None:
    assert "group_budget_usd" not in form_on(as_manager.get(url(None)))
    with pytest.raises(ValidationError, match="The default policy is of no group"):
        Policy(group_budget_usd=5).full_clean()


def test_a_group_without_a_policy_begins_with_the_default_one(as_manager: Client, course: Group) -> None:
    make_policy(None, max_live_keys=4, personal__lifetime_days=77)
    plain = Group.objects.create(name="Plain")

    asked = as_manager.post(url(plain), {**edited(as_manager, plain), "step": "preview"})
    save(as_manager, plain, max_live_keys="6")

    assert "with the values of the default policy." in words_of(asked)
    policy = Policy.objects.get(group=plain)
    assert policy.max_live_keys == 6
    assert policy.rules.get(kind=KeyKind.PERSONAL).lifetime_days == 77
    assert set(policy.rules.values_list("kind", flat=True)) == set(KeyKind.values)
    assert AuditEntry.objects.get(object_kind="policy").action == AuditAction.ISSUE


# --- What it says before it saves ---------------------------------------------------------------------
def test_previews_changes_affected_people_and_reductions(as_manager: Client, course: Group) -> None:
    ada = make_user("ada", groups=("Course",), first_name="Ada")
    rich = make_user("rich", groups=("Course", "Staff"), first_name="Rich")
    make_user("outside")
    keys = [issue(ada).key, issue(rich).key]

    form = edited(as_manager, course, person_budget_usd="6", temporary__model_names=["small"], temporary__rpm_limit="9")
    answer = as_manager.post(url(course), {**form, "step": "preview"})
    words = words_of(answer)

    for said in (
        "1 person, 1 key change",
        "Limits become lower for 1 person Ada",
        "Budget per person, USD: 7.00 → 6.00",
        "Temporary keys, models: small, gone → small",
        "Temporary keys, requests per minute: 60 → 9",
    ):
        assert said in words, said
    assert "Rich" not in words
    assert Policy.objects.get(group=course).person_budget_usd == 7
    assert [again(key).rpm_limit for key in keys] == [60, None]
    back = as_manager.post(url(course), {**form_on(answer), "step": "edit"})
    assert back.status_code == 200
    assert form_on(back)["temporary-rpm_limit"] == ["9"]
    done = as_manager.post(url(course), {**form_on(answer), "step": "save"})
    assert done["Location"] == reverse("people:group", args=[course.pk])
    assert KeyRule.objects.get(policy__group=course, kind="temporary").model_names == ["small"]


def test_the_default_policy_applies_to_people_without_another(as_manager: Client, course: Group) -> None:
    make_user("alone", first_name="Alone")
    make_user("plain", groups=("No policy",))
    make_user("ada", groups=("Course",))
    make_user("gone", anonymised_at=timezone.now())
    make_user("root", is_superuser=True)

    words = words_of(as_manager.post(url(None), {**edited(as_manager, None, max_live_keys="9"), "step": "preview"}))

    assert "2 people, 0 keys change" in words
    assert "become lower" not in words
    assert save(as_manager, None, max_live_keys="9").status_code == 302
    assert Policy.objects.get(group=None).max_live_keys == 9


# --- What follows -------------------------------------------------------------------------------------
def test_live_keys_and_budgets_follow_and_the_change_is_audited(
    as_manager: Client, course: Group, sandbox: Sandbox
) -> None:
    ada = make_user("ada", groups=("Course",))
    key = issue(ada).key
    state = url(course, "policy_state")
    assert "All keys follow this policy." in words_of(as_manager.get(state))

    save(as_manager, course, person_budget_usd="2.5", temporary__tpm_limit="")

    pending = words_of(as_manager.get(state, headers=HTMX))
    for asked, wait in ((4, "load delay:3s"), (5, "load delay:15s")):
        assert wait in as_manager.get(state, {"asked": asked}).content.decode(), asked
    assert "load delay" not in as_manager.get(state, {"asked": 40}).content.decode()
    assert "1 key is being adjusted to this policy" in pending
    assert "The budget of 1 person is being adjusted, too." in pending
    assert run_tasks()[0][0] == "keys.apply_policies"
    assert again(key).tpm_limit is None
    assert PersonBudget.objects.get(owner=ada).budget_usd == Decimal("2.5")
    assert "All keys follow this policy." in words_of(as_manager.get(state))
    entry = AuditEntry.objects.get(object_kind="policy")
    assert (entry.action, entry.label, entry.actor_name) == (AuditAction.CHANGE, "Course", "Manager M")
    assert entry.details["changes"] == {"person_budget_usd": ["7.00", "2.50"], "temporary.tpm_limit": [100_000, None]}
    assert "tokens per minute: 100000 → –" in words_of(as_manager.get(reverse("people:group", args=[course.pk])))


def test_a_policy_is_saved_while_the_gateway_is_unavailable(
    as_manager: Client, course: Group, sandbox: Sandbox
) -> None:
    ada = make_user("ada", groups=("Course",))
    key = issue(ada).key
    sandbox.faults("/key/update", "error", status=503)

    assert save(as_manager, course, temporary__rpm_limit="9").status_code == 302
    with pytest.raises(GatewayUnavailable):
        apply_policies_to(ada, BY_THE_PORTAL)

    page = as_manager.get(url(course, "policy_state")).content.decode()
    assert "1 key is being adjusted" in page
    assert "Apply now" in page
    sandbox.clear_faults()
    waiting_tasks()
    assert as_manager.post(url(course, "policy_state")).status_code == 302
    run_tasks()
    assert again(key).rpm_limit == 9


def test_a_concurrent_change_is_not_overwritten(as_manager: Client, course: Group) -> None:
    form = edited(as_manager, course, max_live_keys="8")
    KeyRule.objects.filter(policy__group=course, kind="personal").update(rpm_limit=1)  # as Django's admin would

    for step in ("preview", "save"):
        answer = as_manager.post(url(course), {**form, "step": step})
        assert answer.status_code == 409
        assert "Somebody else has changed this policy in the meantime." in words_of(answer)
        assert 'value="preview"' not in answer.content.decode()
    assert Policy.objects.get(group=course).max_live_keys == 3
    assert not AuditEntry.objects.exists()
    assert waiting_tasks() == []
    plain = Group.objects.create(name="Plain")
    first = edited(as_manager, plain)
    save(as_manager, plain, max_live_keys="5")
    assert as_manager.post(url(plain), {**first, "step": "save"}).status_code == 409


def test_the_version_is_checked_again_when_it_is_saved(course: Group) -> None:
    """Somebody else may save between the view's look and the action."""
    policy = Policy.objects.get(group=course)
    version = version_of(policy)
    KeyRule.objects.filter(policy=policy, kind="personal").update(rpm_limit=1)
    policy.max_live_keys = 8

    with pytest.raises(PolicyConflict):
        save_policy(policy=policy, rules=list(policy.rules.all()), version=version, actor=BY_THE_PORTAL)

    assert Policy.objects.get(group=course).max_live_keys == 3


def test_saves_are_limited_per_hour(as_manager: Client, course: Group, settings: Settings) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 1
    save(as_manager, course, max_live_keys="8")

    answer = save(as_manager, course, max_live_keys="9")

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert Policy.objects.get(group=course).max_live_keys == 8


# --- Who may ------------------------------------------------------------------------------------------
def test_nobody_changes_their_own_policy_or_one_of_people_with_more_rights(course: Group) -> None:
    secretary = with_permissions("secretary", "manage_policies")
    browser = signed_in(secretary)
    admins, rich = Group.objects.get(name="Admins"), Group.objects.create(name="Rich")
    data = {"userinfo": {"sub": "s", "groups": ["Rich"]}}
    SocialAccount.objects.create(user=secretary, provider="institution", uid="s", extra_data=data)
    form = edited(browser, course)

    for group in (None, admins, rich):  # the default policy is theirs, Rich will be with the next sign-in
        assert browser.get(url(group)).status_code == 403, group
        assert browser.post(url(group), {**form, "step": "save"}).status_code == 403, group
    assert browser.get(reverse("people:rename_group", args=[rich.pk])).status_code == 403
    secretary.groups.add(course)
    assert browser.get(url(course)).status_code == 403
    assert "somebody else has to change it" in words_of(browser.get(reverse("people:group", args=[course.pk])))
    assert find_outdated().keys == []
