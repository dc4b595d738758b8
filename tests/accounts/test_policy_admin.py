"""Policies in Django's admin: a rule for each kind of key, and who may change which."""

import re
from decimal import Decimal
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.forms import model_to_dict
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import KeyKind, Policy, User
from tests.conftest import signed_in
from tests.factories import make_policy


def policy_form(policy: Policy | None = None, **fields: Any) -> dict[str, Any]:
    """Return the form of a policy as a browser sends it; the fields are named as in `make_policy`, None: not ticked."""
    of_policy = {
        "group": policy.group_id or "" if policy else "",
        "max_live_keys": "",
        "grace_hours": 24,
        "person_budget_usd": "",
        "person_budget_period": "7d",
        "group_warn_percent": 80,
    }
    form: dict[str, Any] = {}
    for kind in KeyKind.values:
        rule = policy.rules.filter(kind=kind).first() if policy else None
        form |= {f"{kind}-TOTAL_FORMS": 1, f"{kind}-INITIAL_FORMS": 1 if rule else 0}
        form |= {f"{kind}-0-id": rule.pk if rule else "", f"{kind}-0-policy": policy.pk if policy else ""}
        of_rule: dict[str, Any] = {"allowed": "on", "lifetime_days": 30, "budget_period": "7d", "all_models": "on"}
        of_rule |= dict.fromkeys(("max_keys", "budget_usd", "rpm_limit", "tpm_limit", "model_names"), "")
        form |= {f"{kind}-0-{name}": value for name, value in of_rule.items()}
    for name, value in fields.items():
        kind, _, of_kind = name.rpartition("__")
        (form if kind else of_policy)[f"{kind}-0-{of_kind}" if kind else name] = value
    return {name: value for name, value in {**of_policy, **form}.items() if value is not None}


def test_makes_a_policy_with_a_rule_for_each_kind_of_key(as_manager: Client) -> None:
    """Models one a line, and empty for no limit."""
    group = Group.objects.create(name="Course")
    form = policy_form(
        group=group.pk,
        temporary__all_models=None,
        temporary__model_names="small\n\n large \nsmall\n",
        personal__allowed=None,
        playground__budget_usd="0.50",
        playground__budget_period="1d",
        playground__all_models=None,
        playground__model_names=" small\n\nsmall\ntiny\n",
        playground__ends_at_0="2027-03-12",
        playground__ends_at_1="18:00",
    )

    assert as_manager.post(reverse("admin:accounts_policy_add"), form).status_code == 302

    policy = Policy.objects.get(group=group)
    temporary, personal, playground, _course = (policy.rules.get(kind=kind) for kind in KeyKind.values)
    assert {policy.max_live_keys, policy.person_budget_usd} == {None}
    assert (temporary.model_names, temporary.all_models) == (["small", "large"], False)
    assert {temporary.budget_usd, temporary.rpm_limit, temporary.tpm_limit, temporary.max_keys} == {None}
    assert (temporary.allowed, personal.allowed, playground.allowed) == (True, False, True)
    assert (playground.budget_usd, playground.budget_period) == (Decimal("0.50"), "1d")
    assert playground.model_names == ["small", "tiny"]
    assert timezone.localtime(playground.ends_at).isoformat()[:16] == "2027-03-12T18:00"
    page = as_manager.get(reverse("admin:accounts_policy_change", args=[policy.pk]))
    assertContains(page, "small\nlarge</textarea>")
    assertContains(page, "small\ntiny</textarea>")
    assertContains(page, 'value="0.50"')
    assertContains(page, "the first of the month (UTC)")  # the help texts


def test_proposes_for_each_kind_what_a_new_policy_has(as_manager: Client) -> None:
    """And saves it, though nothing was changed."""
    page = as_manager.get(reverse("admin:accounts_policy_add"))
    assertContains(page, 'name="personal-0-lifetime_days" value="365"')
    assertContains(page, 'name="playground-0-budget_usd" value="2"')
    assertNotContains(page, 'name="temporary-0-allowed"')
    assertNotContains(page, 'name="playground-0-max_keys"')
    group = Group.objects.create(name="Course")
    form = policy_form(group=group.pk, personal__lifetime_days=365, personal__allowed=None)

    as_manager.post(reverse("admin:accounts_policy_add"), form)

    assert set(Policy.objects.get(group=group).rules.values_list("kind", flat=True)) == set(KeyKind.values)


def test_changes_one_kind_and_leaves_the_others(as_manager: Client) -> None:
    policy = make_policy("Course", budget_usd=Decimal(7), personal__allowed=True, playground__rpm_limit=3)
    before = {rule.kind: rule for rule in policy.rules.all()}
    form = policy_form(policy)
    for kind, rule in before.items():
        kept = {"budget_usd": rule.budget_usd, "budget_period": "30d", "rpm_limit": rule.rpm_limit}
        kept |= {"tpm_limit": rule.tpm_limit, "lifetime_days": rule.lifetime_days, "max_keys": rule.max_keys or ""}
        form |= {f"{kind}-0-{name}": value for name, value in kept.items()}
    del form["course-0-allowed"]

    form["personal-0-rpm_limit"] = 11
    assert as_manager.post(reverse("admin:accounts_policy_change", args=[policy.pk]), form).status_code == 302

    after = {rule.kind: model_to_dict(rule) for rule in policy.rules.all()}
    expected = {kind: model_to_dict(rule) for kind, rule in before.items()}
    expected["personal"]["rpm_limit"] = 11
    assert after == expected


@pytest.mark.parametrize("kind", KeyKind.values)
def test_a_missing_section_deletes_no_kind(as_manager: Client, kind: str) -> None:
    policy, group = make_policy("Course"), Group.objects.create(name="Other")

    for url, form in (
        (reverse("admin:accounts_policy_change", args=[policy.pk]), policy_form(policy)),
        (reverse("admin:accounts_policy_add"), policy_form(group=group.pk)),
    ):
        for left_out in (
            {name: value for name, value in form.items() if not name.startswith(f"{kind}-")},
            form | {f"{kind}-TOTAL_FORMS": 0, f"{kind}-INITIAL_FORMS": 0},
        ):
            assert as_manager.post(url, left_out).status_code == 200  # with an error

    assert policy.rules.count() == len(KeyKind)
    assert not Policy.objects.filter(group=group).exists()


def test_offers_a_kind_that_a_policy_has_no_rule_for(as_manager: Client) -> None:
    """As after an update of the portal that brings a kind."""
    policy = make_policy("Course")
    policy.rules.filter(kind="personal").delete()
    url = reverse("admin:accounts_policy_change", args=[policy.pk])
    assertContains(as_manager.get(url), 'name="personal-0-lifetime_days" value="365"')
    late = policy_form(policy)

    assert as_manager.post(url, policy_form(policy)).status_code == 302
    assert policy.rules.count() == len(KeyKind)

    assertContains(as_manager.post(url, late), "Somebody else has changed this policy")
    assert policy.rules.count() == len(KeyKind)


def test_shows_a_policy_to_people_with_view_permission(intern: User) -> None:
    intern.user_permissions.add(Permission.objects.get(codename="view_policy"))
    User.objects.filter(pk=intern.pk).update(is_staff=True)
    policy = make_policy("Course", all_models=False, model_names=["small"])
    url, client = reverse("admin:accounts_policy_change", args=[policy.pk]), signed_in(intern)

    page = client.get(url)

    for words in ("Temporary keys", "Personal keys", "The Playground’s key", "small"):
        assertContains(page, words)
    assertNotContains(page, 'name="personal-0-rpm_limit')
    assert client.post(url, policy_form(policy)).status_code == 403


@pytest.mark.parametrize(
    ("change", "field", "why"),
    [
        ({"group": ""}, "", "There is already a default policy: choose a group."),
        ({"personal__all_models": None}, "field-model_names", "List at least one model, or tick “all models”."),
        ({"playground__budget_usd": "0"}, "field-budget_usd", "greater than or equal to 0.01"),
        ({"temporary__lifetime_days": "0"}, "field-lifetime_days", "greater than or equal to 1"),
        ({"person_budget_usd": "-1"}, "field-person_budget_usd", "greater than or equal to 0.01"),
    ],
)
def test_refuses_a_policy_in_words_at_the_field(
    as_manager: Client, change: dict[str, Any], field: str, why: str
) -> None:
    make_policy(None)
    group = Group.objects.create(name="Course")

    form: dict[str, Any] = {"group": group.pk, **change}
    answer = as_manager.post(reverse("admin:accounts_policy_add"), policy_form(**form))

    assertContains(answer, why)
    assert not field or re.search(rf'class="form-row errors {field}">\s*<ul class="errorlist"', answer.content.decode())
    assert not Policy.objects.filter(group=group).exists()


def test_logs_which_rule_was_changed(as_admin: Client) -> None:
    policy = make_policy("Course")

    as_admin.post(reverse("admin:accounts_policy_change", args=[policy.pk]), policy_form(policy))

    said = LogEntry.objects.get().get_change_message()
    assert "Changed Budget of each key, USD" in said.replace("budget of", "Budget of")
    assert "rule “Personal keys”" in said


def test_deletes_a_policy_but_never_the_default(as_manager: Client) -> None:
    default, other = make_policy(None), make_policy("Course")

    for policy, status in ((default, 403), (other, 302)):
        answer = as_manager.post(reverse("admin:accounts_policy_delete", args=[policy.pk]), {"post": "yes"})
        assert answer.status_code == status
    assert list(Policy.objects.filter(pk__in=[default.pk, other.pk])) == [default]


def test_changes_the_default_policy_and_keeps_it_the_default(as_manager: Client) -> None:
    default, group = make_policy(None), Group.objects.create(name="Course")
    form = policy_form(default, group=group.pk, max_live_keys=9)

    as_manager.post(reverse("admin:accounts_policy_change", args=[default.pk]), form)

    default.refresh_from_db()
    assert (default.group, default.max_live_keys) == (None, 9)


def test_a_manager_cannot_change_their_own_policy(as_manager: Client, manager: User) -> None:
    """Nor that of a group into which the institution would put them."""
    group = Group.objects.create(name="Rich")
    data = {"userinfo": {"sub": "m", "groups": ["Rich"]}}
    SocialAccount.objects.create(user=manager, provider="institution", uid="m", extra_data=data)
    own = Policy.objects.get(group__name="Admins")

    for path in ("change", "delete"):
        url = reverse(f"admin:accounts_policy_{path}", args=[own.pk])
        assert as_manager.post(url, policy_form(own) | {"post": "yes"}).status_code == 403
    as_manager.post(reverse("admin:accounts_policy_add"), policy_form(group=group.pk))
    interns = Policy.objects.get(group__name="Interns")
    as_manager.post(reverse("admin:accounts_policy_change", args=[interns.pk]), policy_form(interns, group=group.pk))

    assert not Policy.objects.filter(group=group).exists()
    manager.groups.clear()
    manager.user_permissions.set(Permission.objects.filter(content_type__app_label__in=("accounts", "auth")))
    default = Policy.objects.get(group=None)
    url = reverse("admin:accounts_policy_change", args=[default.pk])
    assert as_manager.post(url, policy_form(default)).status_code == 403
