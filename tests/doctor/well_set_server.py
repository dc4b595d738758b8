"""A portal as documented: PostgreSQL, Redis, nginx with TLS, mail, an institution, worker and beat."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import psycopg
from celery import Celery

from tests.accounts.institution import CLIENT_ID, CLIENT_SECRET, running
from tests.browser.portal_process import ROOT, Portal
from tests.nginx import Nginx
from tests.sandbox_process import Sandbox
from tests.servers import Postgres, Redis, Together
from tests.smtp import mail_server
from tests.waiting import wait_until

SECRETS = {
    "SECRET_KEY": "5fKv0Tq9JwZr3LbXn8HcPd2GyMs7VaEu1QoRi6WkTe4Yh7Ua9Bd2",
    "PLAYGROUND_KEY_SECRET": "Zq4VtB8mXc1NhJy6RwKe9SgLd3PaFu7TiOo2Wb5G",
    "GATEWAY_ADMIN_KEY": "sk-7d1f0c9be2a84536cc",
}


class Program(Portal):
    """Worker and beat in one process, as only a test has them."""

    def command(self) -> list[str]:
        worker = ["worker", "--beat", "--loglevel", "INFO", "--concurrency", "1"]
        return [sys.executable, "-W", "ignore", "-m", "celery", "--app", "portal", *worker]

    def is_ready(self) -> bool:
        return b"ready" in (self.folder / "log").read_bytes()


class WellSetServer(Together):
    """All programs; ends with its `with`. `environment` has the settings."""

    def begin(self) -> None:
        """Start servers, web and worker."""
        enter = self.stack.enter_context
        self.postgres, self.redis = enter(Postgres()), enter(Redis())
        self.gateway, self.mail = enter(Sandbox(admin_key=SECRETS["GATEWAY_ADMIN_KEY"])), enter(mail_server())
        institution, nginx = enter(running()), Nginx(portal_port=0)
        self.settings = {
            "EMBEDDED": "0",
            "PORTAL_URL": nginx.url,
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "EMAIL_URL": f"smtp://127.0.0.1:{self.mail.port}",
            "GATEWAY_PUBLIC_URL": "https://gateway.example.edu",
            "OIDC_ISSUER": institution.url,
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "WEB_PROCESSES": "1",
            **SECRETS,
        }
        self.web = enter(Portal(self.gateway, **self.settings))
        nginx.portal_port = self.web.port
        self.nginx = enter(nginx)
        self.worker = enter(Program(self.gateway, **self.settings))
        Celery(broker=self.redis.url, set_as_current=False).send_task("keys.refresh_models")
        wait_until(self._has_worked, 60)

    def _has_worked(self) -> bool:
        with psycopg.connect(self.postgres.url) as connection:
            return connection.execute("SELECT 1 FROM keys_taskrun").fetchone() is not None

    def doctor(self, *arguments: str, **more: str) -> tuple[int, Mapping[str, Any], str]:
        """Run it as on that server; return its exit status, its JSON, and all that it printed."""
        environment = {**self.web.environment(), "SSL_CERT_FILE": self.nginx.certificate, **more}
        command = [sys.executable, "manage.py", "doctor", "--json", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=150)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout), done.stdout + done.stderr
