"""People who look at people in tests."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from tests.conftest import signed_in
from tests.factories import make_user


def with_permissions(username: str, *codenames: str) -> User:
    """Make somebody in no group, who has these permissions."""
    person = make_user(username)
    person.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return person


@pytest.fixture
def as_manager(db: None) -> Client:
    """Return the browser of one of the group Admins, who is no superuser."""
    return signed_in(make_user("manager", groups=("Admins",), first_name="Manager M"))


@pytest.fixture
def as_reader(db: None) -> Client:
    """Return the browser of a read-only admin."""
    return signed_in(with_permissions("reader", "view_people", "view_everyone"))


@pytest.fixture
def as_policy_maker(db: None) -> Client:
    """Return the browser of somebody who manages groups and policies, and has no other permission."""
    return signed_in(with_permissions("policy-maker", "manage_policies"))


@pytest.fixture
def as_secretary(db: None) -> Client:
    """Return the browser of somebody who manages people, and has no other permission."""
    return signed_in(with_permissions("secretary", "manage_people"))
