"""The settings match their documentation, and missing ones are named in one line."""

import ast
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal.environment import Environment

SERVER = {
    "SECRET_KEY": "5fKv0Tq9JwZr3LbXn8HcPd2GyMs7VaEu1QoRi6Wk",
    "PORTAL_URL": "https://portal.example.edu",
    "TRUSTED_PROXY_COUNT": "1",
    "DATABASE_URL": "postgresql://portal@127.0.0.1/portal",
    "REDIS_URL": "redis://127.0.0.1/0",
    "EMAIL_URL": "smtp://127.0.0.1:25",
    "GATEWAY_URL": "https://gateway.example.edu",
    "GATEWAY_ADMIN_KEY": "sk-7d1f0c9be2a84536",
    "PLAYGROUND_KEY_SECRET": "Zq4VtB8mXc1NhJy6RwKe9SgLd3PaFu7TiOo2Wb5G",
}
NEEDED = sorted(SERVER.keys() - {"TRUSTED_PROXY_COUNT"})
ROW = re.compile(r"^\| `(\w+)` \| ([^|]*) \|", re.MULTILINE)
PROGRAMS = {
    "manage.py": [sys.executable, "manage.py", "check"],
    "web": [  # with the library of nothing that is not set up; redis-py imports opentelemetry.sdk itself
        sys.executable,
        "-c",
        "import sys, portal.asgi; "
        "assert not {'cas', 'ldap', 'opentelemetry.exporter', 'saml2', 'sentry_sdk'} & sys.modules.keys()",
    ],
}


def settings_in_the_code(repository: Path) -> dict[str, object]:
    """Return what settings.py reads: name, and its default where that is written as a plain value."""
    tree = ast.parse((repository / "portal" / "settings.py").read_text())
    found: dict[str, object] = {}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and ast.unparse(node.func.value) == "env"
        ):
            [name] = [ast.literal_eval(argument) for argument in node.args]
            plain = [word.value.value for word in node.keywords if isinstance(word.value, ast.Constant)]
            found.setdefault(name, None)
            found[name] = found[name] or (plain[0] if plain else None)
    return found


def start(program: str, repository: Path, variables: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(folder), **variables}
    command = PROGRAMS[program]
    return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, timeout=60)


def test_every_setting_is_documented_and_nothing_else(repository: Path) -> None:
    documented = dict(ROW.findall((repository / "docs" / "settings.md").read_text()))
    code = settings_in_the_code(repository)

    assert documented.keys() == code.keys()
    plain = {name: f"`{value}`" for name, value in code.items() if value not in (None, "")}
    assert {name: documented[name] for name in plain} == plain


def test_the_readme_names_existing_settings_only(repository: Path) -> None:
    named = dict(ROW.findall((repository / "README.md").read_text()))

    assert named.keys() >= set(NEEDED)
    assert named.keys() <= settings_in_the_code(repository).keys()


def test_every_check_is_documented(repository: Path) -> None:
    sources = [path for path in repository.glob("*/*.py") if path.parent.name in ("portal", "accounts", "web", "keys")]
    used = {found for path in sources for found in re.findall(r'id="(\w+\.[EW]\d+)"', path.read_text())}
    documented = set(
        re.findall(r"^\| `(\w+\.[EW]\d+)`", (repository / "docs" / "settings.md").read_text(), re.MULTILINE)
    )

    assert documented == used


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_server_starts_with_what_is_needed(repository: Path, program: str, tmp_path: Path) -> None:
    done = start(program, repository, SERVER, tmp_path)

    assert done.returncode == 0, done.stderr


def assert_is_named(repository: Path, program: str, missing: str, tmp_path: Path) -> None:
    variables = {name: value for name, value in SERVER.items() if name != missing}

    done = start(program, repository, variables, tmp_path)

    assert done.returncode == 1
    assert [missing in line for line in done.stderr.splitlines()] == [True]


@pytest.mark.slow
@pytest.mark.parametrize("missing", sorted(set(NEEDED) - {"SECRET_KEY"}))
def test_any_missing_setting_is_named_in_one_line(repository: Path, missing: str, tmp_path: Path) -> None:
    assert_is_named(repository, "manage.py", missing, tmp_path)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_missing_setting_is_named_in_one_line(repository: Path, program: str, tmp_path: Path) -> None:
    assert_is_named(repository, program, "SECRET_KEY", tmp_path)


def test_a_number_with_a_comma_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for text in ("", " 0.92\n", "0"):
        monkeypatch.setenv("CURRENCY_RATE", text)
        found.append(Environment().decimal("CURRENCY_RATE"))
    assert found == [None, Decimal("0.92"), Decimal(0)]
    monkeypatch.setenv("CURRENCY_RATE", "0,92")
    with pytest.raises(ImproperlyConfigured, match="CURRENCY_RATE is a number"):
        Environment().decimal("CURRENCY_RATE")


def test_a_secret_file_that_is_not_there_is_named_in_one_line(repository: Path, tmp_path: Path) -> None:
    variables = {name: value for name, value in SERVER.items() if name != "GATEWAY_ADMIN_KEY"}

    done = start("manage.py", repository, {**variables, "GATEWAY_ADMIN_KEY_FILE": str(tmp_path / "lost")}, tmp_path)

    assert done.returncode == 1
    assert [str(tmp_path / "lost") in line for line in done.stderr.splitlines()] == [True]


def test_a_secret_may_be_in_a_file_which_may_end_in_a_newline(repository: Path, tmp_path: Path) -> None:
    variables = {name: value for name, value in SERVER.items() if name not in ("SECRET_KEY", "GATEWAY_ADMIN_KEY")}
    for name, around in {"SECRET_KEY": "{}\r\n", "GATEWAY_ADMIN_KEY": "\n  {}\n\n"}.items():
        (tmp_path / name).write_text(around.format(SERVER[name]))
        variables[f"{name}_FILE"] = str(tmp_path / name)

    done = start("manage.py", repository, variables, tmp_path)

    assert done.returncode == 0, done.stderr
    assert "portal.E030" not in done.stderr


def test_a_known_secret_and_one_with_a_control_character_are_named_and_not_shown(
    repository: Path, tmp_path: Path
) -> None:
    secrets = {"GATEWAY_ADMIN_KEY": "sk-sandbox-admin", "PLAYGROUND_KEY_SECRET": "of-the\nplayground-" + "x7" * 20}

    done = start("manage.py", repository, {**SERVER, **secrets}, tmp_path)

    assert done.returncode == 1
    assert "portal.E008" in done.stderr
    assert "portal.E030" in done.stderr
    assert "of-the" not in done.stderr
