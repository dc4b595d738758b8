"""Shared by tests of pages: requests of pages and of htmx, and a key of another person."""

from collections.abc import Iterator

import pytest

from accounts.models import User
from keys.models import Key
from tests.conftest import HTMX
from tests.factories import make_staff
from tests.gateway.stub import StubGateway, stub_gateway
from tests.keys.actions import issue
from tests.sandbox_process import Sandbox


@pytest.fixture(params=["page", "htmx"])
def way(request: pytest.FixtureRequest) -> dict[str, str]:
    """Ask once as a browser without scripts does, once as htmx does."""
    return HTMX if request.param == "htmx" else {}


@pytest.fixture
def key(intern: User, sandbox: Sandbox) -> Key:
    """Make a key of the intern."""
    return issue(intern).key


@pytest.fixture
def foreign_key(sandbox: Sandbox, db: None) -> Key:
    """Make a key of somebody else."""
    return issue(make_staff("stranger"), "a stranger’s").key


@pytest.fixture
def stub() -> Iterator[StubGateway]:
    """Run a gateway with scripted answers."""
    with stub_gateway() as stub:
        yield stub
