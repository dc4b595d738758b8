"""What the tests of pages share: the two ways of asking, and a stranger's key."""

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
    """Run a gateway that answers as told."""
    with stub_gateway() as stub:
        yield stub
