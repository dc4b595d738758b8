"""One site for all tests of outages: creating its tables takes longer than all of them."""

from collections.abc import Iterator

import pytest

from tests.faults.site import Site
from tests.sandbox_process import Sandbox


@pytest.fixture(scope="session")
def site(sandbox_process: Sandbox) -> Iterator[Site]:
    """Serve a portal on a PostgreSQL and a Redis of its own."""
    with Site(sandbox_process, WEB_PROCESSES="1") as site:
        yield site
