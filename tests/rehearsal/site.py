"""What a lab has before the portal: PostgreSQL, Redis, nginx with TLS, an OpenID provider, a mail server, a gateway."""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import psycopg
import redis
import requests
from celery import Celery

from bench.stream_watch import memory_mb
from tests.accounts import institution
from tests.keys.real_gateway import RealGateway
from tests.nginx import Nginx
from tests.ports import free_port
from tests.rehearsal.account import Account
from tests.rehearsal.documented import program_of
from tests.rehearsal.real import HAS_REAL_GATEWAY, clean, own_admin
from tests.sandbox_process import Sandbox
from tests.servers import Postgres, Redis, Together
from tests.smtp import mail_server
from tests.waiting import wait_until

START_S: Final = 240
ADMIN_KEY: Final = "sk-admin-of-the-rehearsal-6f2b91c47d"
METRICS_TOKEN: Final = "Zq4VtB8mXc1NhJy6RwKe9SgLd3PaFu7T"
WEB: Final = "passerelle-web"
PEOPLE: Final = "SELECT gateway_user_id FROM accounts_user"
MARKER: Final = "SELECT marker FROM keys_gatewayidentity WHERE marker != ''"
COUNTED: Final = {
    "people": "SELECT count(*) FROM accounts_user",
    "keys": "SELECT count(*) FROM keys_key",
    "conversations": "SELECT count(*) FROM playground_conversation",
    "answers": "SELECT count(*) FROM playground_answer WHERE state = 'complete'",
    "usage": "SELECT coalesce(sum(prompt_tokens + completion_tokens), 0) FROM usage_fact"
    " JOIN usage_tokenref ref ON ref.id = token_ref_id WHERE ref.key_id IS NOT NULL",  # others call the gateway, too
}


class Lab(Together):
    """The servers, and the portal's programs that were started; all ends with its `with`."""

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.account = Account()

    def begin(self) -> None:
        """Start the servers, and let the account trust nginx's certificate."""
        self.postgres = self.stack.enter_context(Postgres(is_empty=True))
        self.redis = self.stack.enter_context(Redis())
        self.institution = self.stack.enter_context(institution.running())
        self.mail = self.stack.enter_context(mail_server())
        self.nginx = self.stack.enter_context(Nginx(portal_port=self.port))
        self.stack.enter_context(self.account)
        self._find_a_gateway()
        authority = str(self.account.folder / "authority.pem")
        shutil.copy(self.nginx.certificate, authority)
        Path(authority).chmod(0o644)
        self.account.environment |= {  # of this machine, not of the portal
            "REQUESTS_CA_BUNDLE": authority,
            "SSL_CERT_FILE": authority,
        }

    def _find_a_gateway(self) -> None:
        """Use the real one that the environment names, as an admin of its own, else a sandbox."""
        if HAS_REAL_GATEWAY:
            gateway = RealGateway()
            admin = self.stack.enter_context(own_admin(gateway))
            self.stack.callback(lambda: clean(gateway, self._select(PEOPLE), self._select(MARKER)))
            self.gateway_url, self.admin_key = gateway.url, admin
        else:
            self.gateway_url, self.admin_key = self.stack.enter_context(Sandbox(admin_key=ADMIN_KEY)).url, ADMIN_KEY

    def other_settings(self) -> dict[str, str]:
        """Return what is not as on a lab's machine: ports, and a poll that tests wait for."""
        return {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "EMAIL_URL": f"smtp://127.0.0.1:{self.mail.port}",
            "GATEWAY_PUBLIC_URL": "https://gateway.example.edu",  # of pages only; the one at hand has no certificate
        }

    def answers(self) -> dict[str, str]:
        """Return what an operator writes in place of the documented answers."""
        return {
            "https://portal.example.edu": self.nginx.url,
            "https://gateway.example.edu": self.gateway_url,
            "sk-the-master-key": self.admin_key,
            "https://sso.example.edu/realms/main": self.institution.url,
            "OIDC_CLIENT_ID=passerelle": f"OIDC_CLIENT_ID={institution.CLIENT_ID}",
            "the-secret-of-the-client": f"'{institution.CLIENT_SECRET}'",
        }

    def start(self, *units: str, release: str) -> None:
        """Start what units start, with the settings of the file; wait until the web server of this release answers."""
        more = {"PORT": str(self.port), "USAGE_POLL_S": "5", "METRICS_TOKEN": METRICS_TOKEN}
        for unit in units:
            self.account.start(f"{unit}-{release}", program_of(unit), **self.file(), **more)
        if WEB in units:
            wait_until(lambda: self._answers(release), START_S)

    def _answers(self, release: str) -> bool:
        """Say whether a web server of this release answers; another may be on the same port. Fail when it has ended."""
        self.account.expect(f"{WEB}-{release}")
        try:
            answer = requests.get(f"http://127.0.0.1:{self.port}/healthz/live", timeout=5)
        except requests.RequestException:
            return False
        return answer.ok and str(answer.json()["version"]).partition("+")[0] == release

    def file(self) -> dict[str, str]:
        """Return the variable that names the file with the settings."""
        return {"PASSERELLE_ENV_FILE": f"{self.account.replaced['/etc/passerelle']}/env"}

    def end(self, *units: str, release: str) -> None:
        """End these programs of a release, all at once."""
        self.account.end(*(f"{unit}-{release}" for unit in units))

    def send(self, task: str) -> None:
        """Have a worker do a regular task now, as beat does once a minute."""
        with Celery(broker=self.redis.url, set_as_current=False) as queue:
            queue.send_task(task)

    def idle_mb(self, units: Iterable[str], release: str) -> dict[str, float]:
        """Return the memory of each program with its processes, shared memory counted once (PSS)."""
        return {unit: memory_mb(self.account.processes(f"{unit}-{release}")) for unit in units}

    def counts(self) -> dict[str, int]:
        """Return how much of everything the database has."""
        return {name: int(self._select(sql)[0]) for name, sql in COUNTED.items()}

    def files(self) -> dict[str, str]:
        """Return the digest of each file of a conversation, by its name."""
        folder = Path(self.account.replaced["/var/lib/passerelle"]) / "images"
        found = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}

    def _select(self, sql: str) -> list[str]:
        """Return the first column of what the database has."""
        with psycopg.connect(self.postgres.url) as connection:
            return [str(row[0]) for row in connection.execute(sql)]

    def wipe(self) -> None:
        """Lose database, queue and files."""
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()
        self.account.run("rm -rf /var/lib/passerelle/* /var/lib/passerelle/.[!.]*")
