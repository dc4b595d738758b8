"""Which groups a sign-in with the institution gives and takes."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.rights import claimed_names
from accounts.services import take_over_groups
from tests.accounts.institution import Institution
from tests.accounts.visits import come_back, groups_of
from tests.factories import make_user


def test_takes_the_groups_of_the_claim_that_exist_here(client: Client, institution: Institution, db: None) -> None:
    institution.knows("u1", groups=["Staff", "/Interns", "Alumni", 7])

    come_back(client)

    assert groups_of(User.objects.get()) == {"Staff", "Interns"}
    assert not Group.objects.filter(name="Alumni").exists()


def test_takes_back_what_the_claim_gave_and_keeps_what_was_given_here(
    client: Client, institution: Institution, db: None
) -> None:
    institution.knows("u1", groups=["Staff", "Interns"])
    come_back(client)
    user = User.objects.get()
    user.groups.add(Group.objects.get(name="Admins"))

    institution.knows("u1", groups=["Interns"])
    come_back(client)
    assert groups_of(user) == {"Interns", "Admins"}
    institution.knows("u1", groups=[])
    come_back(client)

    assert groups_of(user) == {"Admins"}


@pytest.mark.parametrize("remove", [False, True])
def test_a_claim_that_is_not_sent_changes_nothing_unless_it_means_none(
    client: Client, institution: Institution, db: None, settings: Settings, remove: bool
) -> None:
    settings.OIDC_REMOVE_MISSING_GROUPS = remove
    institution.knows("u1", groups=["Staff", "Interns"])
    come_back(client)
    user = User.objects.get()
    user.groups.remove(Group.objects.get(name="Interns"))
    institution.knows("u1")

    come_back(client)

    assert groups_of(user) == (set() if remove else {"Staff"})
    assert claimed_names(user) == (set() if remove else {"Staff", "Interns"})


def test_keeps_a_group_given_here_that_was_claimed_for_a_while(db: None) -> None:
    user = make_user(groups=("Staff",))

    for claimed in (["Staff"], ["Staff"], []):
        take_over_groups(user=user, claimed=claimed, allowed=())

    assert groups_of(user) == {"Staff"}


def test_reads_the_claim_that_the_settings_name_also_from_the_id_token(
    client: Client, institution: Institution, db: None, settings: Settings
) -> None:
    settings.OIDC_GROUPS_CLAIM = "roles"
    institution.knows("u1", groups=["Interns"])
    institution.id_token_claims = {"roles": "Staff"}

    come_back(client)

    assert groups_of(User.objects.get()) == {"Staff"}


@pytest.mark.parametrize("more", [{"hasgroups": True}, {"_claim_names": {"groups": "src1"}}])
def test_takes_no_group_away_when_there_are_too_many_to_name(
    client: Client, institution: Institution, db: None, caplog: pytest.LogCaptureFixture, more: dict[str, Any]
) -> None:
    institution.knows("u1", groups=["Staff"])
    come_back(client)
    client.logout()
    institution.knows("u1", **more)

    come_back(client)

    assert groups_of(User.objects.get()) == {"Staff"}
    assert "too many" in caplog.text


@pytest.mark.parametrize("allowed", [[], ["Interns"]])
def test_puts_nobody_into_a_group_with_rights_by_a_claim(
    client: Client, institution: Institution, db: None, settings: Settings, allowed: list[str]
) -> None:
    settings.OIDC_GROUPS_ALLOWED = allowed
    managers = Group.objects.create(name="Course managers")
    managers.permissions.add(Permission.objects.get(codename="change_user"))
    institution.knows("u1", groups=["Interns", "Admins", "/Course managers"])

    come_back(client)

    assert groups_of(User.objects.get()) == {"Interns"}


def test_gives_exactly_the_groups_that_the_settings_allow(
    client: Client, institution: Institution, db: None, settings: Settings
) -> None:
    settings.OIDC_GROUPS_ALLOWED = ["Admins", "Staff"]
    institution.knows("u1", groups=["Interns", "Admins", "Staff"])
    come_back(client)
    assert groups_of(User.objects.get()) == {"Admins", "Staff"}

    settings.OIDC_GROUPS_ALLOWED = ["Staff"]
    client.logout()
    come_back(client)

    assert groups_of(User.objects.get()) == {"Staff"}
