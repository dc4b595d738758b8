"""A client and its stub gateway."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.client import Gateway
from tests.gateway.stub import StubGateway, stub_gateway

ADMIN_KEY = "sk-admin-of-the-stub-gateway"
SECRET = "sk-a-secret-of-a-person-0001"


@pytest.fixture
def stub() -> Iterator[StubGateway]:
    """Run a gateway with scripted answers."""
    with stub_gateway() as stub:
        yield stub


@pytest.fixture
def gateway(stub: StubGateway) -> Iterator[Gateway]:
    """Return a client of it."""
    client = Gateway(stub.url, ADMIN_KEY)
    yield client
    client.close()


@pytest.fixture
def gateway_without_pauses(stub: StubGateway) -> Iterator[Gateway]:
    """Return a client that tries again without a pause."""
    client = Gateway(stub.url, ADMIN_KEY, retry_pauses_s=(0.0, 0.0))
    yield client
    client.close()


@pytest.fixture
def secure_stub(certificate: Path) -> Iterator[StubGateway]:
    """Run one that encrypts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with stub_gateway(context) as stub:
        yield stub
