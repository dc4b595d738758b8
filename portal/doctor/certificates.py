"""How long certificates are valid."""

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509


def days_left(certificate: x509.Certificate) -> int:
    """Return the whole days until it ends; less than 0 afterwards."""
    return (certificate.not_valid_after_utc - datetime.now(UTC)).days


def days_left_in(file: str) -> int:
    """Return the days that the certificate of a PEM file has left. Raises OSError or ValueError."""
    return days_left(x509.load_pem_x509_certificate(Path(file).read_bytes()))
