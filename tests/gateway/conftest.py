"""A client and its stub gateway."""

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a certificate for the loopback address, and its key, into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stub")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "paper.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file


@pytest.fixture
def secure_stub(certificate: Path) -> Iterator[StubGateway]:
    """Run one that encrypts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with stub_gateway(context) as stub:
        yield stub
