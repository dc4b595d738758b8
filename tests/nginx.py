"""nginx in front of a portal, with the file of deploy/nginx, on a free port of the loopback address."""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.ports import free_port
from tests.requirements import find_nginx
from tests.servers import ROOT, Server

DEPLOYED = ROOT / "deploy" / "nginx" / "passerelle.conf"
NODE = "    server 127.0.0.1:8000"  # the first node of the file
AROUND = """
daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 2048; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{server}
}}
"""


class Nginx(Server):
    """In front of one node, or of several.

    It ends TLS for `localhost`, with a certificate of its own: `certificate` is to be trusted by the client. With
    `is_plain` it takes http. `path` is that of the portal, for example "/passerelle"; nothing else is there.
    """

    def __init__(
        self, *, portal_port: int = 0, portal_ports: Sequence[int] = (), is_plain: bool = False, path: str = ""
    ) -> None:
        super().__init__()
        self.path = path
        self.portal_port = portal_port
        self.portal_ports = portal_ports
        self._is_plain = is_plain

    @property
    def url(self) -> str:
        """The address for the browser, with an unusual port."""
        host = f"http://127.0.0.1:{self.port}" if self._is_plain else f"https://localhost:{self.port}"
        return f"{host}{self.path}"

    @property
    def certificate(self) -> str:
        """The file with the certificate."""
        return str(self.folder / "tls.pem")

    @property
    def access_log(self) -> Path:
        """The file with a line for each request."""
        return self.folder / "access.log"

    def prepare(self) -> None:
        """Write certificate and configuration."""
        self._make_certificate()
        user = "user root;" if os.getuid() == 0 else ""
        given = AROUND.format(user=user, folder=self.folder, server=self._deployed())
        (self.folder / "nginx.conf").write_text(given)

    def _deployed(self) -> str:
        """Return the file for operators, with our ports, names and folders."""
        text = DEPLOYED.read_text()
        node = re.search(rf"^{NODE}(.*)\n", text, re.MULTILINE)
        assert node
        nodes = [f"    server 127.0.0.1:{port}{node[1]}" for port in self.portal_ports or [self.portal_port]]
        here = f"127.0.0.1:{self.port}"
        for given, ours in {
            node[0]: "\n".join(nodes) + "\n",
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "listen 443 ssl http2": f"listen {here}" if self._is_plain else f"listen {here} ssl http2",
            "portal.example.edu": "localhost",
            "location / {": f"location {self.path}/ {{",
            "/etc/passerelle": str(self.folder),
            "/var/log/nginx/passerelle.log": str(self.access_log),
            "/var/log/nginx/passerelle-errors.log crit": "stderr warn",
        }.items():
            assert given in text
            text = text.replace(given, ours)
        return text

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
        builder = builder.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(90))
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        certificate = builder.sign(key, hashes.SHA256())
        Path(self.certificate).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.folder / "tls.key").write_bytes(private)
