"""The command for people, run as they run it, against a portal that is served."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accounts.models import AccessToken, User
from keys.models import Key
from tests.api.conftest import Program
from tests.conftest import signed_in
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(repository: Path, tmp_path: Path) -> dict[str, str]:
    """Return the environment of somebody who is not signed in."""
    keep = {name: value for name, value in os.environ.items() if name in ("PATH", "LD_LIBRARY_PATH")}
    return keep | {
        "PYTHONPATH": str(repository / "cli"),
        "XDG_CONFIG_HOME": str(tmp_path),
        "LANG": "en_US.UTF-8",
        "COLUMNS": "200",
    }


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Return what runs the command."""

    def call(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "passerelle_cli", *arguments]
        return subprocess.run(
            command, env=environment | more, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
        )

    return call


@pytest.fixture
def signed(live_server: Any, intern: User, run: Run) -> Run:
    """Return what runs the command with an access token of the intern's."""
    secret = str(Program(intern).secret)

    def call(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return run(*arguments, PASSERELLE_URL=live_server.url, PASSERELLE_TOKEN=secret, **more)

    return call


def test_signs_in_by_a_code_and_out(
    live_server: Any, intern: User, environment: dict[str, str], run: Run, tmp_path: Path, sandbox: Sandbox
) -> None:
    file, earlier = tmp_path / "passerelle" / "credentials.json", Program(intern)
    file.parent.mkdir()
    file.write_text(json.dumps({"url": live_server.url, "token": str(earlier.secret)}))
    command = [sys.executable, "-m", "passerelle_cli", "login", live_server.url, "--no-browser"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as login:
        assert login.stderr is not None
        code = next(line.strip() for line in login.stderr if re.fullmatch(r"\s+[A-Z]{4}-[A-Z]{4}\n", line))
        signed_in(intern).post("/account/device/", {"code": code, "decision": "approve"})
        out, err = login.communicate(timeout=120)

    assert (login.returncode, out) == (0, ""), err
    assert "Signed in as intern." in err
    assert earlier.token not in AccessToken.objects.working()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["token"] not in err
    assert run("usage").returncode == 0
    of_script = Program(intern)
    kept = file.read_text()
    assert run("logout", PASSERELLE_URL=live_server.url, PASSERELLE_TOKEN=str(of_script.secret)).returncode == 0
    assert not file.exists()
    assert AccessToken.objects.working().get() == of_script.token
    file.write_text(kept)
    assert run("usage").returncode == 3
    assert run("logout").returncode == 0
    file.write_text(json.dumps({"url": "http://localhost:9", "token": "x"}))
    away = run("logout")
    assert (away.returncode, file.exists()) == (4, False)
    assert "still works" in away.stderr


def test_keys_from_the_first_to_the_last(signed: Run, sandbox: Sandbox) -> None:
    made = signed("keys", "create", "thesis")
    assert made.returncode == 0, made.stderr
    assert sandbox.issued_secrets()[-1] in made.stdout
    (row,) = json.loads(signed("--json", "keys", "list").stdout)
    assert row["label"] == "thesis"
    replaced = signed("--json", "keys", "replace", row["id"][:8])
    assert json.loads(replaced.stdout)["secret"] == sandbox.issued_secrets()[-1]
    early = signed("keys", "renew", "thesis", LANG="fr_FR.UTF-8")
    assert (early.returncode, early.stdout) == (1, "")
    assert "clé" in early.stderr
    assert [signed("keys", "delete", short).returncode for short in ("", row["id"][0])] == [1, 1]
    assert signed("keys", "delete", "thesis").returncode == 0
    assert Key.objects.get().state == Key.State.DELETED
    assert "no key" in signed("keys", "delete", "other").stderr


def test_a_fresh_key_for_the_shell_asks_a_model(signed: Run, sandbox: Sandbox) -> None:
    lines = signed("env").stdout.splitlines()
    values = dict(line.removeprefix("export ").split("=", 1) for line in lines)

    assert values["OPENAI_API_KEY"] == sandbox.issued_secrets()[-1]
    address = {"OPENAI_BASE_URL": f"{sandbox.url}/v1"}
    answer = signed("chat", "--model", "gpt-4o-mini", "hello", **values | address)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.strip()
    wrong = signed("chat", "--model", "gpt-4o-mini", "hello", OPENAI_API_KEY="sk-x", **address)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    sandbox.faults("/chat/completions", "stream_error", after_chunks=2)
    broken = signed("chat", "--model", "gpt-4o-mini", "hello", **values | address)
    assert broken.returncode == 1
    assert broken.stdout.strip()
    assert "The gateway refused" in broken.stderr


def test_shells_complete_commands(environment: dict[str, str], tmp_path: Path) -> None:
    command = tmp_path / "passerelle-cli"
    command.write_text(f"#!{sys.executable}\nfrom passerelle_cli.main import app\napp()\n")
    command.chmod(0o700)
    path = {"PATH": f"{tmp_path}:{environment['PATH']}"}

    def printed(*words: str, **more: str) -> str:
        done = subprocess.run(words, env=environment | path | more, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, ""), words
        return done.stdout

    in_bash = """
        eval "$(_PASSERELLE_CLI_COMPLETE=source_bash passerelle-cli)"
        COMP_WORDS=(passerelle-cli keys re) COMP_CWORD=2
        _passerelle_cli_completion passerelle-cli
        echo "${COMPREPLY[@]}"
        complete -p passerelle-cli
    """
    assert printed("bash", "-c", in_bash).splitlines() == [
        "renew replace",
        "complete -o default -F _passerelle_cli_completion passerelle-cli",
    ]
    script = printed("passerelle-cli", _PASSERELLE_CLI_COMPLETE="source_zsh")
    assert "compdef _passerelle_cli_completion passerelle-cli" in script
    asked = {"_PASSERELLE_CLI_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "passerelle-cli keys re"}
    assert re.findall(r'"(\w+)":', printed("passerelle-cli", **asked)) == ["renew", "replace"]


def test_says_what_is_missing(run: Run) -> None:
    clear = {"PASSERELLE_URL": "http://portal.example.edu", "PASSERELLE_TOKEN": "passerelle_pat_x"}
    broken = {"PASSERELLE_URL": "http://localhost:9", "PASSERELLE_TOKEN": "passerelle_pat_x\ny"}
    for arguments, more, code in (
        (("usage",), {}, 3),
        (("usage",), clear, 2),
        (("usage",), broken, 2),
        (("login", "http://portal.example.edu"), {}, 2),
        (("login", "https://[portal"), {}, 4),
        (("login", "http://localhost:9"), {}, 4),
        (("chat", "--model", "x", "hello"), {}, 2),
        (("keys", "create"), {}, 2),
    ):
        done = run(*arguments, **more)
        assert (done.returncode, done.stdout) == (code, ""), arguments
        assert "passerelle_pat" not in done.stderr
        assert done.stderr
        assert "Traceback" not in done.stderr
    assert "Pas de connexion" in run("usage", LANG="fr_FR.UTF-8").stderr
