"""The command `passerelle`: its help, its names for the commands of manage.py, and files with settings."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands

from portal.command import management_commands, node_name, run
from portal.env_file import load_env_file, read_env_file
from portal.version import version

OURS = {"check-gateway", "after-restore", "try-sign-in"}


def test_help_lists_our_commands_in_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run(["--help"])

    assert end.value.code == 0
    listed = dict(re.findall(r"^  ([a-z][a-z-]+) +(\S.*)$", capsys.readouterr().out, re.MULTILINE))
    assert listed.keys() >= {
        "run",
        "web",
        "worker",
        "beat",
        "migrate",
        "check",
        "create-admin",
        "setup",
        "manage",
        *OURS,
    }
    assert "seed-demo" not in listed
    assert management_commands().keys() <= get_commands().keys()
    assert all(management_commands().values()), "a command without help"


def test_version_is_that_of_the_project(capsys: pytest.CaptureFixture[str], repository: Path) -> None:
    with pytest.raises(SystemExit):
        run(["--version"])

    number = re.search(r'^version = "(.*)"$', (repository / "pyproject.toml").read_text(), re.MULTILINE)
    assert number
    assert capsys.readouterr().out == f"passerelle {version()}\n"
    assert version().partition("+")[0] == number[1]


@pytest.mark.parametrize("arguments", [["nothing"], ["seed-demo"], ["--env-fil", "x", "check"]])
def test_an_unknown_name_is_wrong_use(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run(arguments)

    assert end.value.code == 2
    assert "passerelle" in capsys.readouterr().err


def test_every_command_without_settings_names_one_in_one_line(tmp_path: Path, repository: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(repository), "VAR_DIR": str(tmp_path)}
    for command in ("web", "worker", "beat", "migrate", "check-gateway"):
        program = [sys.executable, "-m", "passerelle", command]
        done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

        assert (done.returncode, done.stdout) == (1, ""), command
        assert re.fullmatch(r"Not started: Set the PORTAL_URL environment variable\. .*--env-file.*\n", done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_help_needs_no_setting_and_leaves_nothing(tmp_path: Path, repository: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(repository), "HOME": str(tmp_path)}
    program = [sys.executable, "-m", "passerelle", "check-gateway", "--help"]
    given = environment | {"TMPDIR": str(tmp_path), "VAR_DIR": str(tmp_path / "var")}

    done = subprocess.run(program, cwd=tmp_path, env=given, capture_output=True, text=True, timeout=120)

    assert (done.returncode, "usage: passerelle check_gateway" in done.stdout) == (0, True), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_module_comes_from_the_working_directory(tmp_path: Path, repository: Path) -> None:
    """Neither Celery nor granian, which look there first by themselves."""
    for name in ("gateway", "keys", "polib", "random", "sandbox", "usage"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(repository), "PYTHONSAFEPATH": "1", "EMBEDDED": "1"}
    code = """
import os, subprocess, sys
import portal.celery
from portal.serve import load_application
portal.celery.app.loader.import_default_modules()
load_application()
subprocess.run([sys.executable, "-c", "import random"], check=True)
print([path for path in sys.path if path in ("", os.getcwd())])
"""
    for arguments, words in {("worker", "--help"): "--queues", ("manage", "shell", "-c", code): "[]\n"}.items():
        program = [sys.executable, "-m", "passerelle", *arguments]
        given = environment | {"VAR_DIR": str(tmp_path / "var")}
        done = subprocess.run(program, cwd=tmp_path, env=given, capture_output=True, text=True, timeout=120)

        assert done.returncode == 0, done.stderr
        assert words in done.stdout


def test_reads_files_with_settings() -> None:
    text = r"""
    # a comment
    SECRET_KEY=abc#def $x
    export PORTAL_URL="https://portal.example.edu"
    OIDC_NAME='Example "University"'
    EMPTY=
    PLAIN=a\b"c"
    DOUBLE="a\$b \\d\""
    SINGLE='a\$b'
    """
    assert read_env_file(text) == {
        "SECRET_KEY": "abc#def $x",
        "PORTAL_URL": "https://portal.example.edu",
        "OIDC_NAME": 'Example "University"',
        "EMPTY": "",
        "PLAIN": 'ab"c"',
        "DOUBLE": 'a$b \\d"',
        "SINGLE": "a\\$b",
    }
    for wrong, words in {"\nPORT": "line 2 is not", 'A="b" c': "line 1 has more", "A='b": "line 1"}.items():
        with pytest.raises(ValueError, match=words):
            read_env_file(wrong)


def test_the_environment_is_stronger_than_the_file(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("SECRET_KEY=of-the-file\nEMAIL_URL_FILE=/of/the/file\nPORT=9000\n")
    environ = {"SECRET_KEY_FILE": "/run/secret", "EMAIL_URL": "smtp://a", "PORT": "8000"}

    load_env_file(file, environ)

    assert environ == {"SECRET_KEY_FILE": "/run/secret", "EMAIL_URL": "smtp://a", "PORT": "8000"}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("PORT\n")
    for name in ("lost", "wrong"):
        problem = run(["--env-file", str(tmp_path / name), "check"])

        assert str(problem).startswith("Not started: the settings cannot be read")
        assert str(tmp_path / name) in str(problem)


def test_workers_for_different_queues_have_different_names() -> None:
    """Their heartbeats and their answers to the doctor are kept apart by name."""
    assert node_name([]) == []  # Celery's own, celery@…
    assert node_name(["-Q", "celery"]) == ["--hostname", "celery@%h"]
    assert node_name(["--concurrency", "2", "--queues=polls,webhooks"]) == ["--hostname", "polls-webhooks@%h"]
    assert node_name(["-Q", "polls", "-n", "one@%h"]) == []
