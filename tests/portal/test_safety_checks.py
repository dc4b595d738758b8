"""Dangerous settings are refused, wherever the portal starts."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from pytest_django import Settings

from accounts.models import User
from portal.safety_checks import (
    gateway_is_asked_over_https,
    master_secrets_are_strong,
    nobody_has_the_demo_password,
    var_dir_is_private,
    weakness,
)
from tests.factories import make_user
from tests.portal.test_settings import SERVER

STRONG = "Zq4VtB8mXc1NhJy6RwKe9SgLd3PaFu7T"
pytestmark = pytest.mark.timeout(600)  # four programs, on a machine that is busy with other tests
START = {
    "web": ["-m", "portal.serve"],
    "worker": ["-W", "ignore", "-m", "celery", "--quiet", "-A", "portal", "worker"],
    "beat": ["-m", "celery", "--quiet", "-A", "portal", "beat"],
    "manage.py run": ["manage.py", "run"],
}


def start(program: str, folder: Path, repository: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(folder), **variables}
    command = [sys.executable, *START[program]]
    return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, timeout=240)


# --- The address of the gateway ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "url", "hosts", "found"),
    [
        ("GATEWAY_URL", "http://10.0.0.7:4000", [], ["portal.E014"]),
        ("GATEWAY_URL", "http://127.0.0.1.example.edu", [], ["portal.E014"]),
        ("GATEWAY_PUBLIC_URL", "http://gateway.example.edu/olla/litellm", [], ["portal.E014"]),
        ("GATEWAY_URL", "http://litellm:4000", ["litellm"], []),
        ("GATEWAY_URL", "http://litellm:4000", ["other"], ["portal.E014"]),
        ("GATEWAY_URL", "http://[::1]:4000", [], []),
        ("GATEWAY_URL", "http://127.0.0.2", [], []),
        ("GATEWAY_URL", "http://localhost:4000", [], []),
        ("GATEWAY_URL", "https://gateway.example.edu", [], []),
    ],
)
def test_another_machine_requires_https(
    settings: Settings, name: str, url: str, hosts: list[str], found: list[str]
) -> None:
    settings.GATEWAY_URL = settings.GATEWAY_PUBLIC_URL = "https://gateway.example.edu"
    settings.GATEWAY_HTTP_HOSTS = hosts
    setattr(settings, name, url)

    assert [message.id for message in gateway_is_asked_over_https()] == found


# --- Secrets ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "secret",
    [
        "sk-1234",
        "sk-12341234123412341234",
        "sk-your-litellm-master-key",
        "change-me-" * 5,
        "please-change-this-secret-key-password",
        "0123456789abcdefghijklmnopqrstuvwxyz",
        "x" * 60,
        "",
    ],
)
def test_a_secret_that_can_be_guessed_is_named(secret: str) -> None:
    assert weakness(secret, 16)


def test_a_random_secret_passes() -> None:
    assert not any(weakness(secret, 16) for secret in (STRONG, "sk-7d1f0c9be2a84536", SERVER["SECRET_KEY"]))


@pytest.mark.parametrize(
    ("embedded", "url", "serious"),
    [(True, "http://127.0.0.1:4000", False), (True, "https://example.edu", True), (False, "http://127.0.0.1:1", True)],
)
def test_a_weak_master_key_is_refused_except_on_loopback(
    settings: Settings, embedded: bool, url: str, serious: bool
) -> None:
    settings.EMBEDDED, settings.SANDBOX, settings.GATEWAY_URL = embedded, False, url
    settings.GATEWAY_ADMIN_KEY = "sk-1234"
    settings.SECRET_KEY = settings.PLAYGROUND_KEY_SECRET = STRONG

    [message] = master_secrets_are_strong()

    assert (message.id, message.is_serious()) == ("portal.E015", serious)
    assert "sk-1234" not in f"{message.msg}{message.hint}"


# --- The folder -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("embedded", "mode", "found"),
    [(True, 0o750, 1), (True, 0o701, 1), (True, 0o700, 0), (False, 0o755, 0), (False, 0o775, 1)],
)
def test_a_folder_that_others_reach_is_refused(
    settings: Settings, tmp_path: Path, embedded: bool, mode: int, found: int
) -> None:
    settings.EMBEDDED, settings.VAR_DIR = embedded, tmp_path
    tmp_path.chmod(mode)

    assert len(var_dir_is_private()) == found


# --- Demo accounts ----------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("person", "sandbox", "found"),
    [
        ({"username": "intern"}, False, ["intern"]),
        ({"username": "renamed", "email": "staff@example.org"}, False, ["renamed"]),
        ({"username": "early"}, False, ["early"]),
        ({"username": "intern", "is_active": False}, False, []),
        ({"username": "intern", "password": "another long one"}, False, []),
        ({"username": "intern"}, True, []),
    ],
)
def test_demo_accounts_are_refused_at_a_real_gateway(
    settings: Settings, person: dict[str, Any], sandbox: bool, found: list[str]
) -> None:
    settings.SANDBOX = sandbox
    make_user(**{"password": "passerelle", **person})
    make_user("somebody")

    messages = nobody_has_the_demo_password(databases=["default"])

    assert len(messages) == bool(found)
    assert all(name in message.msg for message in messages for name in found)
    assert not any("somebody" in message.msg for message in messages)


@pytest.mark.django_db
def test_checks_a_sample_of_many_accounts(settings: Settings) -> None:
    settings.SANDBOX = False
    User.objects.bulk_create(User(username=f"p{number}", password=make_password("x")) for number in range(30))
    make_user("admin", password="passerelle")

    [message] = nobody_has_the_demo_password(databases=["default"])

    assert "admin" in message.msg


# --- Every program ----------------------------------------------------------------------------------
@pytest.mark.parametrize("program", ["web", "worker", "beat"])
def test_no_server_program_starts_with_dangerous_settings(program: str, tmp_path: Path, repository: Path) -> None:
    wrong = {"DEBUG": "1", "SECRET_KEY": "change-me" * 5, "GATEWAY_URL": "http://10.1.2.3:4000"}

    done = start(program, tmp_path, repository, {**SERVER, **wrong})

    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert [line.rpartition("(")[2].rstrip(")") for line in lines if line.startswith("Not started: ")] == [
        "portal.E011",
        *["portal.E014"] * 2,
        "portal.E015",
    ]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_no_program_starts_with_demo_accounts_at_a_real_gateway(tmp_path: Path, repository: Path) -> None:
    variables = {"EMBEDDED": "1", "GATEWAY_URL": "http://127.0.0.1:1", "GATEWAY_ADMIN_KEY": STRONG}
    environment = {**os.environ, **variables, "VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    environment["DATABASE_URL"] = f"sqlite:///{tmp_path}/db.sqlite3"
    for command in (["migrate", "--verbosity=0"], ["seed_demo", "--with-real-gateway"]):
        manage = [sys.executable, "manage.py", *command]
        subprocess.run(manage, cwd=repository, env=environment, check=True, capture_output=True)

    for program in START:
        done = start(program, tmp_path, repository, {**variables, "STATIC_ROOT": str(tmp_path / "none")})

        assert done.returncode == 1, program
        [line] = [line for line in done.stderr.splitlines() if "portal.E017" in line]
        assert all(name in line for name in ("intern", "staff", "admin", "changepassword"))
        assert "Traceback" not in done.stderr
