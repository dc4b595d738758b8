"""Certificates that sign themselves: for the loopback address, and for signing XML."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID


def certificate_and_key() -> bytes:
    """Return a certificate that signs itself, and its key, as one PEM file has them."""
    return b"".join(_pem(ec.generate_private_key(ec.SECP256R1())))


@dataclass(frozen=True)
class KeyFiles:
    """An RSA key and its certificate, as PEM files."""

    key: Path
    certificate: Path


def rsa_key_files(folder: Path, name: str) -> KeyFiles:
    """Make a key for signing XML, in this folder."""
    files = KeyFiles(folder / f"{name}.key", folder / f"{name}.pem")
    certificate, key = _pem(rsa.generate_private_key(65537, 2048))
    files.certificate.write_bytes(certificate)
    files.key.write_bytes(key)
    return files


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> tuple[bytes, bytes]:
    """Return a certificate for the key, and the key."""
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
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), private
