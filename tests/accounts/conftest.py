"""People who manage people and policies."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from tests.conftest import signed_in
from tests.factories import make_user

if TYPE_CHECKING:
    from tests.accounts.slapd import Slapd


@pytest.fixture
def manager(db: None) -> User:
    """Make one of the group Admins, who is no superuser."""
    return make_user("manager", groups=("Admins",), is_staff=True)


@pytest.fixture
def as_manager(manager: User) -> Client:
    return signed_in(manager)


@pytest.fixture(scope="module")
def slapd_process(certificate: Path) -> Iterator["Slapd"]:
    """Run a directory for the tests of one file."""
    from tests.accounts.slapd import Slapd

    with Slapd(certificate) as server:
        server.fill()
        yield server


@pytest.fixture
def slapd(slapd_process: "Slapd", settings: Settings, db: None) -> "Slapd":
    """Point the portal at the directory."""
    settings.IDENTITY_PROVIDERS = [slapd_process.provider()]
    return slapd_process
