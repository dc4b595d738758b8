"""What some tests need of the machine, and the message when it is missing."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest

from tests.servers import postgres_programs

CHROMIUM_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CLIENT_LIBRARIES = ("openai", "langchain_openai", "llama_index")


def find_chromium() -> str | None:
    """Return the path of the machine's Chromium: the one without windows, which uses a third less of the processor."""
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


def find_nginx() -> str | None:
    """Return the path of nginx; Debian keeps it off the path of those who are not root."""
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


def find_slapd() -> str | None:
    """Return the path of OpenLDAP's server."""
    return shutil.which("slapd", path=f"{os.environ['PATH']}:/usr/sbin")


def find_pgbouncer() -> str | None:
    """Return the path of PgBouncer; Debian keeps it off the path of those who are not root."""
    return shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


@cache
def _has_httr2() -> bool:
    if not shutil.which("Rscript"):
        return False
    return subprocess.run(["Rscript", "-e", "library(httr2)"], capture_output=True, check=False).returncode == 0


def _has_client_libraries() -> bool:
    return all(importlib.util.find_spec(name) for name in CLIENT_LIBRARIES)


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that a marker of the same name asks for."""

    is_there: Callable[[], bool]
    advice: str


REQUIREMENTS = {
    "browser": Requirement(lambda: find_chromium() is not None, "needs Chromium (Debian: chromium-headless-shell)"),
    "postgres": Requirement(lambda: postgres_programs() is not None, "needs PostgreSQL (Debian: postgresql)"),
    "pgbouncer": Requirement(lambda: find_pgbouncer() is not None, "needs PgBouncer (Debian: pgbouncer)"),
    "redis": Requirement(lambda: shutil.which("redis-server") is not None, "needs Redis (Debian: redis-server)"),
    "nginx": Requirement(lambda: find_nginx() is not None, "needs nginx (Debian: nginx-light)"),
    "caddy": Requirement(lambda: shutil.which("caddy") is not None, "needs Caddy (Debian: caddy)"),
    "helm": Requirement(
        lambda: importlib.util.find_spec("helm_python") is not None, "needs `pip install -r requirements/clients.txt`"
    ),
    "office": Requirement(
        lambda: shutil.which("soffice") is not None, "needs LibreOffice Calc (Debian: libreoffice-calc-nogui)"
    ),
    "node": Requirement(lambda: shutil.which("node") is not None, "needs node (Debian: nodejs)"),
    "docs": Requirement(
        lambda: importlib.util.find_spec("furo") is not None, "needs `pip install -r requirements/docs.txt` (make docs)"
    ),
    "prometheus": Requirement(lambda: shutil.which("promtool") is not None, "needs Prometheus (Debian: prometheus)"),
    "xmlsec": Requirement(lambda: shutil.which("xmlsec1") is not None, "needs xmlsec1 (Debian: xmlsec1)"),
    "slapd": Requirement(
        lambda: find_slapd() is not None and importlib.util.find_spec("ldap") is not None,
        "needs slapd and python-ldap (Debian: slapd, libldap-dev, libsasl2-dev; requirements/ldap.txt)",
    ),
    "clients": Requirement(
        lambda: _has_client_libraries() and _has_httr2() and shutil.which("node") is not None,
        "needs R's httr2 and node (Debian: r-cran-httr2, nodejs), and `pip install -r requirements/clients.txt`",
    ),
}


def require(name: str) -> None:
    """Skip the running test with one line when `name` is not there; fail it when REQUIRE names it."""
    requirement = REQUIREMENTS[name]
    if requirement.is_there():
        return
    if name in os.environ.get("REQUIRE", "").split(","):
        pytest.fail(requirement.advice, pytrace=False)
    pytest.skip(requirement.advice)
