"""`make fuzz`: 10,000 fuzzed requests over all pages and forms, as four roles at once, to a portal as in production.

two processes of the web server, PostgreSQL, Redis, the sandbox gateway, and nginx as docs/operating.md configures it.
No answer may be a 5xx, and none may take more than two seconds; slow ones are sent again, as the machine may be busy.
"""

import argparse
import http.client
import os
import re
import secrets
import ssl
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import django
import psutil

from bench.fuzz_requests import Fuzzer, Odd, crawl
from bench.portal import ROOT
from bench.results import Figure, at_most, exactly, report, say, seen
from tests.nginx import Nginx
from tests.sandbox_process import Sandbox
from tests.servers import Postgres, Redis, Server

PEOPLE: Final = {"anonymous": "", "intern": "person-1", "staff": "person-0", "admin": "admin"}
FACTS, PAGES, MOST_S, RENEW_AFTER = 5000, 150, 2.0, 25
REPEATS, MOST_REPEATED = 3, 15
TIMEOUT_S: Final = 30.0
ADMIN_KEY: Final = f"sk-{secrets.token_urlsafe(40)}"


def kept(address: str) -> bool:
    """Say whether a POST there would end the sender's session or account."""
    return address.startswith(("/account/logout/", "/admin/logout/", "/admin/accounts/user/"))


class Portal(Server):
    """The web server in this environment."""

    def command(self) -> list[str]:
        """Serve as the portal does."""
        return [sys.executable, "-m", "portal.serve"]

    def cpu_s(self) -> float:
        """Return the processor time of its processes so far."""
        assert self._process  # noqa: S101  (served within the `with`)
        master = psutil.Process(self._process.pid)
        return sum(sum(each.cpu_times()[:2]) for each in (master, *master.children()))


@dataclass(slots=True)
class Result:
    """The results of one role's requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    slow: list[tuple[Odd, str]] = field(default_factory=list)


class Browser:
    """A browser with its own cookies and one connection; it ignores cookies of responses."""

    def __init__(self, nginx: Nginx, username: str) -> None:
        self._username, self._nginx = username, nginx
        self._cookies: dict[str, str] = {}
        self._connection = self._connect()
        self.renew()

    def _connect(self) -> http.client.HTTPSConnection:
        trusted = ssl.create_default_context(cafile=self._nginx.certificate)
        return http.client.HTTPSConnection("localhost", self._nginx.port, timeout=TIMEOUT_S, context=trusted)

    def renew(self) -> None:
        """Sign in again, with the rights of the role: a fuzzed request may have changed either."""
        from django.conf import settings
        from django.test import Client

        from accounts.models import User

        if self._username:
            rights = self._username == "admin"
            User.objects.filter(username=self._username).update(
                is_active=True,
                is_superuser=rights,
                is_staff=rights,
                password="!",  # noqa: S106  (none fits)
            )
            client = Client()
            client.force_login(User.objects.get(username=self._username))
            self._cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
        if settings.CSRF_COOKIE_NAME not in self._cookies:
            self._cookies[settings.CSRF_COOKIE_NAME] = secrets.token_hex(16)

    def fetch(self, address: str) -> str:
        """Return a page's HTML."""
        status, text, _ = self.send(Odd("GET", address))
        return text.decode() if status == 200 and text.startswith(b"<!doctype html>") else ""

    def send(self, odd: Odd) -> tuple[int, bytes, float]:
        """Return status, body and the seconds to the header; 0: connection closed, 599: no response."""
        cookies = "; ".join(f"{name}={value}" for name, value in {**self._cookies, **odd.cookies}.items())
        headers = {"Referer": self._nginx.url + "/", "Cookie": cookies, **odd.headers}
        sent = {name: value.encode("latin-1", "replace") for name, value in headers.items()}
        since = time.monotonic()
        try:
            self._connection.request(odd.method, odd.target, odd.body or None, sent)
            answer = self._connection.getresponse()
            took_s = time.monotonic() - since
            return answer.status, answer.read(), took_s
        except (http.client.HTTPException, OSError) as error:
            self._connection.close()
            return 599 if isinstance(error, TimeoutError) else 0, b"", time.monotonic() - since


def run(role: str, nginx: Nginx, requests: int, seed: int, result: Result) -> None:
    """Learn the pages of a role, then send the requests."""
    from django.conf import settings
    from django.db import connection

    browser = Browser(nginx, PEOPLE[role])
    names = [settings.LANGUAGE_COOKIE_NAME, settings.THEME_COOKIE_NAME, settings.SESSION_COOKIE_NAME, "messages"]
    fuzzer = Fuzzer(seed, cookie_names=names, kept=kept)
    crawl(fuzzer, browser.fetch, pages=PAGES)
    say(f"{role}: {len(fuzzer.addresses)} addresses, {len(fuzzer.forms)} forms")
    for number in range(requests):
        if number % RENEW_AFTER == 0:
            browser.renew()
        odd = fuzzer.make()
        status, _, took_s = browser.send(odd)
        result.statuses[status] += 1
        result.seconds.append(took_s)
        line = f"{role}: {status} in {took_s:.1f} s: {odd.method} {odd.target[:300]} {odd.headers} {odd.body[:300]!r}"
        if status >= 500:
            result.errors.append(line)
            say(line)
        if took_s > MOST_S:
            result.slow.append((odd, line))
    connection.close()


def prepare() -> None:
    """Fill the database: people, keys, facts, models, a conversation for each role."""
    from accounts.models import User
    from bench.filling import make_crowd, make_facts
    from bench.inside import make_ground
    from keys.catalogue import refresh_models
    from tests.playground import rows

    make_ground()
    make_crowd()
    make_facts(FACTS)
    refresh_models()
    for username in filter(None, PEOPLE.values()):
        rows.conversation(User.objects.get(username=username), ("Hello", "Hi there."), ("More", "Of **that**."))


def set_environment(database: Postgres, cache: Redis, sandbox: Sandbox, nginx: Nginx, folder: Path) -> None:
    """Set the environment of a portal in production, for this process and its children."""
    for name in ("DEBUG", "LOG_LEVEL", "GATEWAY_PUBLIC_URL", "OIDC_ISSUER", "SIGNUP_OPEN"):
        os.environ.pop(name, None)
    os.environ |= {
        "EMBEDDED": "0",
        "SECOND_FACTOR_REQUIRED": "0",  # else requests of admins end before the views
        "FRESH_SIGN_IN_MINUTES": "0",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PYTHONPATH": str(ROOT),
        "PORTAL_URL": nginx.url,
        "PORT": str(nginx.portal_port),
        "TRUSTED_PROXY_COUNT": "1",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "PLAYGROUND_KEY_SECRET": secrets.token_urlsafe(50),
        "PLAYGROUND_REQUESTS_PER_MINUTE": "1000000",
        "PLAYGROUND_CONVERSATIONS_PER_HOUR": "1000000",
        "PLAYGROUND_STORED_MB_PER_USER": "1000000",
        "PLAYGROUND_IMAGE_MB_PER_HOUR": "1000000",
        "KEY_ACTIONS_PER_HOUR": "1000000",
        "DATABASE_URL": database.url,
        "REDIS_URL": cache.url,
        "EMAIL_URL": "dummymail://",
        "GATEWAY_URL": sandbox.url,
        "GATEWAY_ADMIN_KEY": ADMIN_KEY,
        "VAR_DIR": str(folder),
        "STATIC_ROOT": str(folder / "static"),
        "LOG_LEVEL": "WARNING",
    }


def close_database() -> None:
    """Close the connections of this process, for which PostgreSQL would wait."""
    from django.db import connection

    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL's backend


def repeat(result: Result, role: str, nginx: Nginx, portal: Portal) -> tuple[list[str], float]:
    """Send the slow requests of a role again, alone; return those that are slow each time, and their processor time."""
    browser, again, most_cpu_s = Browser(nginx, PEOPLE[role]), list[str](), 0.0
    for odd, line in result.slow[:MOST_REPEATED]:
        walls, cpus = list[float](), list[float]()
        for _ in range(REPEATS):
            before = portal.cpu_s()
            walls.append(browser.send(odd)[2])
            cpus.append(portal.cpu_s() - before)
        most_cpu_s = max(most_cpu_s, min(cpus))
        if min(walls) > MOST_S:
            again.append(f"{line}; again {min(walls):.1f} s, {min(cpus):.2f} s of processor")
    return again, most_cpu_s


def figures_of(results: dict[str, Result], began: float, nginx: Nginx, portal: Portal) -> list[Figure]:
    """Return the table."""
    all_s = time.monotonic() - began
    repeated = [repeat(result, role, nginx, portal) for role, result in results.items()]
    seconds = sorted(took_s for result in results.values() for took_s in result.seconds)
    statuses: Counter[int] = sum((result.statuses for result in results.values()), Counter())
    say(f"statuses: {dict(sorted(statuses.items()))}")
    errors = [line for result in results.values() for line in result.errors]
    again = [line for lines, _ in repeated for line in lines]
    for line in (*errors, *again):
        say(line)
    return [
        seen("fuzz: requests", len(seconds), ""),
        exactly("fuzz: 5xx", len(errors), "", 0),
        seen("fuzz: over 2 s at first", sum(took_s > MOST_S for took_s in seconds), ""),
        exactly("fuzz: over 2 s again, alone, three times", len(again), "", 0),
        at_most("fuzz: most processor time of a slow one", max(cpu_s for _, cpu_s in repeated), "s", MOST_S),
        seen("fuzz: p50", seconds[len(seconds) // 2], "s"),
        seen("fuzz: p99", seconds[len(seconds) * 99 // 100], "s"),
        seen("fuzz: longest", seconds[-1], "s"),
        seen("fuzz: all of it", all_s, "s"),
    ]


def main() -> int:
    """Serve, fuzz, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=8)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="passerelle-fuzz-")))
        portal = Portal()
        nginx = Nginx(portal_port=portal.port)
        sandbox = stack.enter_context(Sandbox(admin_key=ADMIN_KEY))
        set_environment(stack.enter_context(Postgres()), stack.enter_context(Redis()), sandbox, nginx, folder)
        django.setup()
        stack.callback(close_database)
        prepare()
        stack.enter_context(portal)
        stack.enter_context(nginx)
        results = {role: Result() for role in PEOPLE}
        began = time.monotonic()
        threads = [
            threading.Thread(target=run, args=(role, nginx, options.requests // len(PEOPLE), options.seed + n, result))
            for n, (role, result) in enumerate(results.items())
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        held = report(figures_of(results, began, nginx, portal))
        log = (portal.folder / "log").read_text()
        errors = re.findall(r"^\S+ \S+ (?:ERROR|CRITICAL) .*(?:\n(?!\d{4}-).*)*", log, re.MULTILINE)
        say(f"\n{len(errors)} errors in the log of the portal")
        say("\n".join(errors)[:20_000])
    return 0 if held and not errors else 1


if __name__ == "__main__":
    sys.exit(main())
