"""People who look at usage in tests, and requests of pages and of htmx."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tests.conftest import HTMX, signed_in
from tests.factories import make_staff, make_user


@pytest.fixture(params=["page", "htmx"])
def way(request: pytest.FixtureRequest) -> dict[str, str]:
    """Ask once as a browser without scripts does, once as htmx does."""
    return HTMX if request.param == "htmx" else {}


@pytest.fixture
def as_manager(db: None) -> Client:
    """Return the browser of one of the group Admins, who is no superuser."""
    return signed_in(make_user("manager", groups=("Admins",), is_staff=True))


@pytest.fixture
def as_reader(db: None) -> Client:
    """Return the browser of somebody who may see everybody's usage, and change nothing."""
    reader = make_user("reader")
    reader.user_permissions.add(Permission.objects.get(codename="view_everyone"))
    return signed_in(reader)


@pytest.fixture
def as_other_staff(db: None) -> Client:
    """Return the browser of one of the staff who named no intern of their own."""
    return signed_in(make_staff("other-staff"))
