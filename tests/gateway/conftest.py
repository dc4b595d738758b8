"""A client and the gateway of paper that it speaks to."""

from collections.abc import Iterator

import pytest

from gateway.client import Gateway
from tests.gateway.loopback import Paper, paper_gateway

ADMIN_KEY = "sk-admin-of-the-paper-gateway"
SECRET = "sk-a-secret-of-a-person-0001"


@pytest.fixture
def paper() -> Iterator[Paper]:
    """Run a gateway that answers as told."""
    with paper_gateway() as paper:
        yield paper


@pytest.fixture
def gateway(paper: Paper) -> Iterator[Gateway]:
    """Return a client of it."""
    client = Gateway(paper.url, ADMIN_KEY)
    yield client
    client.close()


@pytest.fixture
def quick(paper: Paper) -> Iterator[Gateway]:
    """Return a client that tries again without a pause."""
    client = Gateway(paper.url, ADMIN_KEY, retry_pauses_s=(0.0, 0.0))
    yield client
    client.close()
