"""nginx in front of a portal, configured as docs/operating.md says, on a free port of the loopback address."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.requirements import find_nginx
from tests.servers import Server

OPERATING = Path(__file__).resolve().parent.parent / "docs" / "operating.md"
AROUND = """
daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{server}
}}
"""


def documented_server() -> str:
    """Return the `server` block of the documentation."""
    found = re.search(r"^    server \{\n.*?^    \}\n", OPERATING.read_text(), re.DOTALL | re.MULTILINE)
    assert found
    return found[0]


class Nginx(Server):
    """Ends TLS for `localhost`, with a certificate of its own: `certificate` is to be trusted by the client."""

    def __init__(self, *, portal_port: int) -> None:
        super().__init__()
        self.portal_port = portal_port

    @property
    def url(self) -> str:
        """The address for the browser: https, an unusual port."""
        return f"https://localhost:{self.port}"

    @property
    def certificate(self) -> str:
        """The file with the certificate."""
        return str(self.folder / "tls.pem")

    def prepare(self) -> None:
        """Write certificate and configuration."""
        self._make_certificate()
        server = documented_server()
        for given, ours in {
            "listen 443": f"listen 127.0.0.1:{self.port}",
            "server_name portal.example.edu": "server_name localhost",
            "http://127.0.0.1:8000": f"http://127.0.0.1:{self.portal_port}",
            "/etc/passerelle": str(self.folder),
        }.items():
            assert given in server
            server = server.replace(given, ours)
        user = "user root;" if os.getuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(AROUND.format(user=user, folder=self.folder, server=server))

    def command(self) -> list[str]:
        """Return nginx with this configuration."""
        program = find_nginx()
        assert program
        return [program, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", "stderr"]

    def _make_certificate(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(9))
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        certificate = builder.sign(key, hashes.SHA256())
        Path(self.certificate).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.folder / "tls.key").write_bytes(private)
