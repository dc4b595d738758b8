"""What a person may have, from the policies of their groups."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from accounts.models import Grant, GroupSpend, KeyRule, Policy, User, new_rules
from accounts.models.group_spend import month_first_day
from accounts.policies import Allowance, KeyAllowance, merged, policy_of, with_grants
from tests.factories import make_policy, make_user


def test_gives_the_default_policy_to_somebody_without_a_group(db: None) -> None:
    make_policy(None, max_live_keys=7)
    make_policy("Staff", max_live_keys=20)

    allowance = policy_of(make_user())

    assert allowance.max_live_keys == 7
    assert allowance.names == ()


def test_gives_the_default_policy_to_somebody_whose_group_has_none(db: None) -> None:
    make_policy(None, max_live_keys=7)

    assert policy_of(make_user(groups=("Choir",))).max_live_keys == 7


def test_gives_the_policy_of_the_group_though_the_default_is_more_generous(db: None) -> None:
    make_policy(None, max_live_keys=None)
    make_policy("Interns", max_live_keys=3)

    assert policy_of(make_user(groups=("Interns",))).max_live_keys == 3


def test_gives_the_most_generous_of_two_groups_and_names_both(db: None) -> None:
    make_policy("Staff", max_live_keys=20)
    make_policy("Interns", max_live_keys=3, may_name_interns=True)
    make_policy("Others", max_live_keys=99)

    allowance = policy_of(make_user(groups=("Staff", "Interns")))

    assert allowance.max_live_keys == 20
    assert allowance.may_name_interns
    assert allowance.names == ("Interns", "Staff")


def test_names_the_first_of_the_own_groups_that_stops_keys_now(db: None) -> None:
    for name in ("A warns", "B last month", "C below", "D no budget", "E stops", "F stops", "Admins"):
        budget = None if name == "D no budget" else 10
        make_policy(name, group_budget_usd=budget, group_budget_stops=name != "A warns")
        day = month_first_day() - timedelta(days=1 if name == "B last month" else 0)
        spent = {"first_day": day.replace(day=1), "spent_usd": 9 if name == "C below" else 10}
        GroupSpend.objects.create(group=Group.objects.get(name=name), **spent)
    Group.objects.get(name="Admins").permissions.add(Permission.objects.get(codename="change_policy"))
    names = ("A warns", "B last month", "C below", "D no budget", "F stops", "E stops")
    member, spared = make_user(groups=names), make_user(groups=names[:4])
    superuser = make_user(is_superuser=True)  # has the policy of Admins, and is not a member

    assert [policy_of(person).stopped_by for person in (member, spared, superuser)] == ["E stops", "", ""]
    assert policy_of(superuser).names == ("Admins",)
    superuser.groups.set(Group.objects.filter(name__in=["Admins", "F stops"]))
    assert policy_of(superuser).stopped_by == "Admins"


def test_falls_back_to_safe_limits_without_any_policy(db: None) -> None:
    Policy.objects.all().delete()

    allowance = policy_of(make_user())

    assert (allowance.max_live_keys, allowance.rules["temporary"].budget_usd) == (1, Decimal(5))
    assert not allowance.rules["personal"].allowed


def test_runs_one_query(db: None, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    user = make_user(groups=("Staff", "Interns"))

    with django_assert_num_queries(1):
        policy_of(user)


def policy(kind: str = "", **fields: Any) -> list[KeyRule]:
    """Return the rules of an unsaved policy; the fields are its own or, with a kind, those of that rule."""
    own = Policy(**({} if kind else fields))
    rules = new_rules(own)
    for rule in rules:
        for name, value in fields.items() if rule.kind == kind else ():
            setattr(rule, name, value)
    return rules


MONDAY, FRIDAY = datetime(2027, 3, 8, tzinfo=UTC), datetime(2027, 3, 12, tzinfo=UTC)
MORE = [  # kind of key (none: of the person), field, values of two policies, value for who is in both groups
    ("", "max_live_keys", 3, 20, 20),
    ("", "max_live_keys", 3, None, None),
    ("", "max_live_keys", 0, 3, 3),
    ("", "grace_hours", 0, 24, 24),
    ("", "may_name_interns", False, True, True),
    ("", "may_name_interns", False, False, False),
    ("temporary", "lifetime_days", 30, 60, 60),
    ("temporary", "max_keys", 1, 2, 2),
    ("temporary", "max_keys", 1, None, None),
    ("temporary", "rpm_limit", 10, 60, 60),
    ("playground", "rpm_limit", None, 60, None),
    ("temporary", "tpm_limit", 10, 1, 10),
    ("playground", "tpm_limit", 10, None, None),
    ("playground", "allowed", False, True, True),
    ("playground", "allowed", False, False, False),
    ("personal", "allowed", False, True, True),
    ("temporary", "ends_at", MONDAY, FRIDAY, FRIDAY),
    ("personal", "ends_at", MONDAY, None, None),
]


@pytest.mark.parametrize(("kind", "field", "one", "other", "expected"), MORE)
def test_takes_the_more_generous_value(kind: str, field: str, one: Any, other: Any, expected: Any) -> None:
    for pair in ((one, other), (other, one)):
        allowance = merged([rule for value in pair for rule in policy(kind, **{field: value})])
        assert getattr(allowance.rules[kind] if kind else allowance, field) == expected


@pytest.mark.parametrize("kind", ["personal", "playground"])
def test_counts_only_the_policies_that_allow_a_kind(kind: str) -> None:
    rich = {"lifetime_days": 900, "budget_usd": Decimal(99), "all_models": True}
    poor = {"lifetime_days": 9, "budget_usd": Decimal(1), "all_models": False, "model_names": ["small"]}

    rule = merged([*policy(kind, allowed=False, **rich), *policy(kind, allowed=True, **poor)]).rules[kind]

    assert (rule.allowed, rule.lifetime_days, rule.budget_usd, rule.models) == (True, 9, Decimal(1), ("small",))


def test_keeps_limits_for_the_keys_of_a_kind_that_nobody_allows() -> None:
    rule = merged(policy("personal", allowed=False, rpm_limit=7)).rules["personal"]

    assert (rule.allowed, rule.rpm_limit) == (False, 7)


def test_each_grant_raises_what_it_is_about_only() -> None:
    alone = merged(policy(person_budget_usd=Decimal(10)))
    budget = Grant(thing="budget", amount_usd=Decimal(3))
    model, kind = Grant(thing="model", name="gpt-4o"), Grant(thing="kind", name="personal")

    richer, granted = with_grants(alone, [budget]), with_grants(alone, [model, kind])

    assert (richer.person_budget_usd, richer.granted_models) == (Decimal(13), ())
    assert (granted.person_budget_usd, granted.granted_models) == (Decimal(10), ("gpt-4o",))
    assert [each.rules["personal"].allowed for each in (alone, richer, granted)] == [False, False, True]


def test_allows_no_kind_that_no_rule_is_about() -> None:
    """A kind that comes with a later version of the portal, before the policies say anything of it."""
    rules = [rule for rule in policy() if rule.kind != "playground"]

    assert not merged(rules).rules["playground"].allowed


BUDGETS = [  # (USD, period) of two policies, and of who is in both groups
    ((5, "30d"), (100, "30d"), (100, "30d")),
    ((5, "30d"), (1, "1d"), (1, "1d")),  # 1 USD a day is more than 5 USD a month
    ((7, "7d"), (29, "30d"), (7, "7d")),
    ((7, "7d"), (31, "30d"), (31, "30d")),
    ((1, "1d"), (30, "30d"), (30, "30d")),  # the same a day: more at once
    ((5, "30d"), (None, "1d"), (None, "1d")),
]


@pytest.mark.parametrize("kind", ["temporary", "playground"])
@pytest.mark.parametrize(("one", "other", "expected"), BUDGETS)
def test_compares_budgets_by_day_and_keeps_each_with_its_period(
    kind: str, one: tuple[int | None, str], other: tuple[int | None, str], expected: tuple[int | None, str]
) -> None:
    for pair in ((one, other), (other, one)):
        rules = []
        for usd, period in pair:
            rules += policy(kind, budget_usd=None if usd is None else Decimal(usd), budget_period=period)
        rule = merged(rules).rules[kind]
        assert (rule.budget_usd, rule.budget_period) == expected


def test_merges_the_models_of_all_groups_unless_one_allows_all() -> None:
    small = policy("temporary", all_models=False, model_names=["small"])
    both = policy("temporary", all_models=False, model_names=["large", "small"])
    every = policy("temporary", all_models=True, model_names=["ignored"])

    assert merged(small).rules["temporary"].models == ("small",)
    assert merged([*small, *both]).rules["temporary"].models == ("large", "small")
    assert merged([*small, *every]).rules["temporary"].models is None


def test_merges_the_models_of_the_kinds_of_key_for_programs() -> None:
    """Not the Playground's, and not those of a kind that the person may not have."""
    rules = policy("temporary", all_models=False, model_names=["small"])
    assert merged(rules).models == ("small",)

    rules[1].allowed, rules[1].all_models, rules[1].model_names = True, False, ["large"]
    assert merged(rules).models == ("large", "small")


def test_a_model_on_request_is_lacking_unless_each_kind_but_those_of_courses_has_it() -> None:
    """A kind that the person may not have says nothing."""
    rules = policy("temporary", all_models=False, model_names=["large", "small"])
    by_kind = {rule.kind: rule for rule in rules}
    by_kind["playground"].allowed, by_kind["playground"].all_models = True, False
    by_kind["playground"].model_names = ["small", "tiny"]
    by_kind["course"].allowed, by_kind["course"].all_models = True, False
    by_kind["course"].model_names = ["course"]
    by_kind["personal"].allowed, by_kind["personal"].all_models = False, False
    by_kind["personal"].model_names = ["other"]
    allowance = replace(merged(rules), on_request=("large", "small", "tiny"))

    assert allowance.models_everywhere == ("small",)
    assert allowance.lacking_on_request == ("large", "tiny")


def test_starts_with_interns_staff_admins_and_a_default(db: None) -> None:
    interns = policy_of(make_user(groups=("Interns",)))
    staff = policy_of(make_user(groups=("Staff",)))

    temporary = KeyAllowance(
        allowed=True,
        max_keys=None,
        lifetime_days=30,
        ends_at=None,
        budget_usd=Decimal(5),
        budget_period="30d",
        rpm_limit=60,
        tpm_limit=100_000,
        models=None,
    )
    assert interns == Allowance(
        max_live_keys=3,
        person_budget_usd=Decimal(5),
        person_budget_period="30d",
        course_budget_usd=Decimal(100),
        grace_hours=24,
        may_name_interns=False,
        at_once_usd=None,
        on_request=(),
        asks_for_any_model=True,
        rules={
            "temporary": temporary,
            "personal": replace(temporary, allowed=False, lifetime_days=365),
            "playground": replace(temporary, budget_usd=Decimal(2)),
            "course": replace(temporary, allowed=False, max_keys=60, lifetime_days=200, budget_usd=Decimal(2)),
        },
        names=("Interns",),
    )
    personal = staff.rules["personal"]
    assert (personal.allowed, personal.lifetime_days, personal.budget_usd) == (True, 365, Decimal(100))
    assert (staff.max_live_keys, staff.may_name_interns) == (20, True)
    assert policy_of(make_user()).max_live_keys == 1
    assert policy_of(make_user(groups=("Admins",))).rules == staff.rules
    assert staff.person_budget_usd == Decimal(100)


def test_keeps_one_default_policy(db: None) -> None:
    make_policy(None)

    with pytest.raises(ValidationError, match="There is already a default policy"):
        Policy().full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        Policy().save()


REFUSED: list[tuple[type[Policy | KeyRule], dict[str, Any], str]] = [
    (KeyRule, {"all_models": False, "model_names": []}, "List at least one model"),
    (KeyRule, {"model_names": "small"}, "Enter a list of model names"),
    (KeyRule, {"model_names": [""]}, "Enter a list of model names"),
    (KeyRule, {"model_names": ["small", "small"]}, "A model is listed twice"),
    (KeyRule, {"budget_usd": Decimal(0)}, "greater than or equal to 0.01"),
    (KeyRule, {"budget_usd": Decimal(1_000_000)}, "no more than 6 digits before the decimal point"),
    (KeyRule, {"budget_period": "2d"}, "not a valid choice"),
    (KeyRule, {"lifetime_days": 0}, "greater than or equal to 1"),
    (KeyRule, {"lifetime_days": 3661}, "less than or equal to 3660"),
    (KeyRule, {"rpm_limit": 0}, "greater than or equal to 1"),
    (KeyRule, {"tpm_limit": 0}, "greater than or equal to 1"),
    (KeyRule, {"max_keys": 0}, "greater than or equal to 1"),
    (Policy, {"grace_hours": 721}, "less than or equal to 720"),
    (Policy, {"person_budget_usd": Decimal(0)}, "greater than or equal to 0.01"),
    (Policy, {"person_budget_period": "2d"}, "not a valid choice"),
    (Policy, {"group_warn_percent": 0}, "greater than or equal to 1"),
    (Policy, {"at_once_usd": Decimal(0)}, "greater than or equal to 0.01"),
    (Policy, {"at_once_usd": Decimal(1), "person_budget_usd": None}, "needs a budget per person"),
    (Policy, {"on_request": ["large", "large"]}, "A model is listed twice"),
]


@pytest.mark.parametrize(("model", "fields", "why"), REFUSED)
def test_refuses_invalid_values(db: None, model: Any, fields: dict[str, Any], why: str) -> None:
    needed = {} if model is Policy else {"policy": make_policy("Course"), "kind": "personal"}

    with pytest.raises(ValidationError, match=why):
        model(**needed, **fields).full_clean()


KEPT_OUT: list[tuple[type[Policy | KeyRule], dict[str, Any]]] = [
    (Policy, {"group_budget_usd": Decimal(0)}),
    (Policy, {"group_warn_percent": 100}),
    (Policy, {"at_once_usd": Decimal(0)}),
    (Policy, {"at_once_usd": Decimal(1), "person_budget_usd": None}),
    (KeyRule, {"all_models": False, "model_names": []}),
    (KeyRule, {"budget_usd": Decimal(0)}),
    (KeyRule, {"budget_usd": Decimal(-1)}),
    (KeyRule, {"budget_period": "2d"}),
    (KeyRule, {"lifetime_days": 0}),
    (KeyRule, {"lifetime_days": 3661}),
    (KeyRule, {"rpm_limit": 0}),
    (KeyRule, {"tpm_limit": 0}),
    (KeyRule, {"max_keys": 0}),
    (KeyRule, {"kind": "sandwich"}),
    (KeyRule, {"kind": "personal"}),  # all three
    (KeyRule, {"allowed": False}),  # temporary ones, too
    (Policy, {"grace_hours": 721}),
    (Policy, {"person_budget_usd": Decimal(0)}),
    (Policy, {"person_budget_period": "2d"}),
]


@pytest.mark.parametrize(("model", "fields"), KEPT_OUT)
def test_the_database_keeps_out_what_the_form_refuses(db: None, model: Any, fields: dict[str, Any]) -> None:
    made = make_policy("Course")
    rows = Policy.objects.filter(pk=made.pk) if model is Policy else KeyRule.objects.filter(policy=made)

    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(**fields)


def test_names_of_models_may_wait_while_all_are_allowed(db: None) -> None:
    made = make_policy("Course", all_models=False, model_names=["small"])

    KeyRule.objects.filter(policy=made).update(all_models=True)
    KeyRule.objects.filter(policy=made).update(model_names=[])


def test_gives_the_first_superuser_what_admins_have_though_in_no_group(db: None) -> None:
    call_command("createsuperuser", "--noinput", username="first", email="first@example.edu")
    make_user("course-teacher", groups=("Admins", "Course"))  # others in the group count once

    allowance = policy_of(User.objects.get(username="first"))

    assert allowance == policy_of(make_user(groups=("Admins",)))
    assert allowance.names == ("Admins",)


def test_a_superuser_has_what_those_have_who_change_policies_whatever_their_group_is_called(db: None) -> None:
    Group.objects.filter(name="Admins").update(name="Rechenzentrum")
    Policy.objects.filter(group__name="Rechenzentrum").update(max_live_keys=77)
    make_policy("Admins", max_live_keys=500)  # a name only

    assert policy_of(make_user(is_superuser=True)).max_live_keys == 77


def test_gives_a_superuser_the_default_policy_where_admins_have_none(db: None) -> None:
    Policy.objects.filter(group__name="Admins").delete()

    assert policy_of(make_user(is_superuser=True)).names == ()


def test_gives_the_most_generous_budget_of_a_person_with_its_period(db: None) -> None:
    make_policy("Interns", person_budget_usd=Decimal(5), person_budget_period="30d")
    make_policy("Course", person_budget_usd=Decimal(1), person_budget_period="1d")

    allowance = policy_of(make_user(groups=("Interns", "Course")))

    assert (allowance.person_budget_usd, allowance.person_budget_period) == (Decimal(1), "1d")


def test_a_group_without_a_limit_takes_the_limit_of_the_person_away(db: None) -> None:
    make_policy("Interns", person_budget_usd=Decimal(5))
    make_policy("Free", person_budget_usd=None)

    assert policy_of(make_user(groups=("Interns", "Free"))).person_budget_usd is None
