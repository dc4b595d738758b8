"""What a person may have, out of the policies of their groups."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Policy, User
from accounts.policies import Allowance, merged, policy_of
from keys.catalogue import refresh_models
from tests.conftest import signed_in
from tests.factories import make_policy, make_user
from tests.sandbox_process import Sandbox


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


def test_is_modest_when_there_is_no_policy_at_all(db: None) -> None:
    Policy.objects.all().delete()

    allowance = policy_of(make_user())

    assert (allowance.max_live_keys, allowance.budget_usd) == (1, Decimal(5))
    assert allowance.personal_lifetime_days is None


def test_asks_the_database_once(db: None, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    user = make_user(groups=("Staff", "Interns"))

    with django_assert_num_queries(1):
        policy_of(user)


MORE = [  # field of the policies, values of two policies, field of the allowance, value for who is in both groups
    ("temporary_lifetime_days", 30, 60, "temporary_lifetime_days", 60),
    ("max_live_keys", 3, 20, "max_live_keys", 20),
    ("max_live_keys", 3, None, "max_live_keys", None),
    ("max_live_keys", 0, 3, "max_live_keys", 3),
    ("rpm_limit", 10, 60, "rpm_limit", 60),
    ("rpm_limit", None, 60, "rpm_limit", None),
    ("tpm_limit", 10, 1, "tpm_limit", 10),
    ("tpm_limit", 10, None, "tpm_limit", None),
    ("grace_hours", 0, 24, "grace_hours", 24),
    ("may_name_interns", False, True, "may_name_interns", True),
    ("may_name_interns", False, False, "may_name_interns", False),
    ("playground", False, True, "playground", True),
    ("playground", False, False, "playground", False),
]


@pytest.mark.parametrize(("field", "one", "other", "name", "expected"), MORE)
def test_takes_the_more_generous_value(field: str, one: Any, other: Any, name: str, expected: Any) -> None:
    assert getattr(merged([Policy(**{field: one}), Policy(**{field: other})]), name) == expected
    assert getattr(merged([Policy(**{field: other}), Policy(**{field: one})]), name) == expected


PERSONAL = [  # (may have, days) of two policies, days for who is in both groups
    ((False, 365), (False, 365), None),
    ((True, 90), (False, 365), 90),
    ((True, 90), (True, 365), 365),
]


@pytest.mark.parametrize(("one", "other", "expected"), PERSONAL)
def test_counts_a_personal_lifetime_only_where_personal_keys_are_allowed(
    one: tuple[bool, int], other: tuple[bool, int], expected: int | None
) -> None:
    policies = [Policy(personal_keys=may, personal_lifetime_days=days) for may, days in (one, other)]

    assert merged(policies).personal_lifetime_days == expected


BUDGETS = [  # (USD, period) of two policies, and of who is in both groups
    ((5, "30d"), (100, "30d"), (100, "30d")),
    ((5, "30d"), (1, "1d"), (1, "1d")),  # 1 USD a day is more than 5 USD a month
    ((7, "7d"), (29, "30d"), (7, "7d")),
    ((7, "7d"), (31, "30d"), (31, "30d")),
    ((1, "1d"), (30, "30d"), (30, "30d")),  # the same a day: more at once
    ((5, "30d"), (None, "1d"), (None, "1d")),
]


@pytest.mark.parametrize(("one", "other", "expected"), BUDGETS)
def test_compares_budgets_by_day_and_keeps_each_with_its_period(
    one: tuple[int | None, str], other: tuple[int | None, str], expected: tuple[int | None, str]
) -> None:
    for pair in ((one, other), (other, one)):
        policies = [
            Policy(budget_usd=None if usd is None else Decimal(usd), budget_period=period) for usd, period in pair
        ]
        allowance = merged(policies)
        assert (allowance.budget_usd, allowance.budget_period) == expected


def test_joins_the_models_of_all_groups_unless_one_allows_all() -> None:
    small = Policy(all_models=False, model_names=["small"])
    both = Policy(all_models=False, model_names=["large", "small"])
    every = Policy(all_models=True, model_names=["ignored"])

    assert merged([small]).models == ("small",)
    assert merged([small, both]).models == ("large", "small")
    assert merged([small, every]).models is None


@pytest.mark.parametrize(("one", "other", "expected"), BUDGETS)
def test_compares_the_budgets_of_the_playground_in_the_same_way(
    one: tuple[int | None, str], other: tuple[int | None, str], expected: tuple[int | None, str]
) -> None:
    policies = [
        Policy(playground_budget_usd=None if usd is None else Decimal(usd), playground_budget_period=period)
        for usd, period in (one, other)
    ]
    allowance = merged(policies)

    assert (allowance.playground_budget_usd, allowance.playground_budget_period) == expected


def test_takes_the_budget_of_the_playground_from_the_policies_that_open_it() -> None:
    rich = Policy(playground=False, playground_budget_usd=Decimal(99))

    assert merged([rich, Policy(playground_budget_usd=Decimal(1))]).playground_budget_usd == 1
    assert not merged([rich]).playground


def test_gives_the_playground_models_of_its_own_or_those_of_the_keys() -> None:
    small = Policy(all_models=False, model_names=["small"])
    tiny = Policy(all_models=False, model_names=["small"], playground_own_models=True, playground_model_names=["tiny"])
    every = Policy(all_models=True)
    closed = Policy(playground=False, playground_own_models=True, playground_model_names=["large"])

    assert merged([small]).playground_models == ("small",)
    assert merged([tiny]).playground_models == ("tiny",)
    assert merged([tiny, small]).playground_models == ("small", "tiny")
    assert merged([tiny, every]).playground_models is None
    assert merged([tiny, closed]).playground_models == ("tiny",)
    assert merged([closed]).playground_models == ()


def test_starts_with_interns_staff_admins_and_a_default(db: None) -> None:
    interns = policy_of(make_user(groups=("Interns",)))
    staff = policy_of(make_user(groups=("Staff",)))

    assert interns == Allowance(
        temporary_lifetime_days=30,
        personal_lifetime_days=None,
        max_live_keys=3,
        person_budget_usd=Decimal(5),
        person_budget_period="30d",
        budget_usd=Decimal(5),
        budget_period="30d",
        rpm_limit=60,
        tpm_limit=100_000,
        models=None,
        grace_hours=24,
        may_name_interns=False,
        playground=True,
        playground_budget_usd=Decimal(2),
        playground_budget_period="30d",
        playground_models=None,
        names=("Interns",),
    )
    assert (staff.personal_lifetime_days, staff.max_live_keys, staff.budget_usd) == (365, 20, Decimal(100))
    assert staff.may_name_interns
    assert policy_of(make_user()).max_live_keys == 1
    assert policy_of(make_user(groups=("Admins",))).budget_usd == staff.person_budget_usd == Decimal(100)


def test_keeps_one_default_policy(db: None) -> None:
    make_policy(None)

    with pytest.raises(ValidationError, match="There is a default policy already"):
        Policy().full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        Policy().save()


REFUSED = [
    ({"all_models": False, "model_names": []}, "Name at least one model"),
    ({"model_names": "small"}, "Give a list of model names"),
    ({"model_names": [""]}, "Give a list of model names"),
    ({"model_names": ["small", "small"]}, "A model is named twice"),
    ({"playground_own_models": True}, "or leave the Playground those of the keys"),
    ({"playground_own_models": True, "playground_model_names": ["small", "small"]}, "A model is named twice"),
    ({"playground_budget_usd": Decimal(0)}, "greater than or equal to 0.01"),
    ({"temporary_lifetime_days": 0}, "greater than or equal to 1"),
    ({"budget_usd": Decimal(0)}, "greater than or equal to 0.01"),
    ({"rpm_limit": 0}, "greater than or equal to 1"),
    ({"budget_period": "2d"}, "not a valid choice"),
    ({"grace_hours": 721}, "less than or equal to 720"),
]


@pytest.mark.parametrize(("fields", "why"), REFUSED)
def test_refuses_a_policy_that_makes_no_sense(db: None, fields: dict[str, Any], why: str) -> None:
    Policy.objects.all().delete()

    with pytest.raises(ValidationError, match=why):
        Policy(**fields).full_clean()


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


def test_sends_whoever_may_not_change_policies_to_somebody_who_may(sandbox: Sandbox, db: None) -> None:
    make_policy(None, all_models=False, model_names=["nowhere"])
    helper = make_user("helper", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_user"))
    refresh_models()

    page = signed_in(helper).get(reverse("keys:models"))

    assertNotContains(page, reverse("admin:accounts_policy_changelist"))
    assertContains(page, "Ask the person who supervises you.")


def test_gives_a_superuser_the_default_policy_where_admins_have_none(db: None) -> None:
    Policy.objects.filter(group__name="Admins").delete()

    assert policy_of(make_user(is_superuser=True)).names == ()


@pytest.mark.parametrize("page", ["keys:index", "keys:models", "playground:index", "playground:compare"])
def test_sends_no_admin_to_a_supervisor(sandbox: Sandbox, admin: User, intern: User, page: str) -> None:
    """An admin without a key or a model reads where policies are changed; an intern reads whom to ask."""
    make_policy("Admins", all_models=False, model_names=["nowhere"])
    make_policy("Interns", all_models=False, model_names=["nowhere"])
    refresh_models()

    assertNotContains(signed_in(admin).get(reverse(page)), "supervises you")
    assertContains(signed_in(admin).get(reverse(page)), reverse("admin:accounts_policy_changelist"))
    assertContains(signed_in(intern).get(reverse(page)), "Ask the person who supervises you.")


def test_gives_the_most_generous_budget_of_a_person_with_its_period(db: None) -> None:
    make_policy("Interns", person_budget_usd=Decimal(5), person_budget_period="30d")
    make_policy("Course", person_budget_usd=Decimal(1), person_budget_period="1d")

    allowance = policy_of(make_user(groups=("Interns", "Course")))

    assert (allowance.person_budget_usd, allowance.person_budget_period) == (Decimal(1), "1d")


def test_a_group_without_a_limit_takes_the_limit_of_the_person_away(db: None) -> None:
    make_policy("Interns", person_budget_usd=Decimal(5))
    make_policy("Free", person_budget_usd=None)

    assert policy_of(make_user(groups=("Interns", "Free"))).person_budget_usd is None
