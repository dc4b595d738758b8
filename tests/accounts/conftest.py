"""People who manage people and policies."""

import pytest
from django.test import Client

from accounts.models import User
from tests.conftest import signed_in
from tests.factories import make_user


@pytest.fixture
def manager(db: None) -> User:
    """Make one of the group Admins, who is no superuser."""
    return make_user("manager", groups=("Admins",), is_staff=True)


@pytest.fixture
def as_manager(manager: User) -> Client:
    return signed_in(manager)
