"""`manage.py setup`, without any setting in its environment: questions, options, what it writes and what it keeps."""

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.env_file import read_env_file
from portal.setup.addresses import without_password
from portal.setup.files import former_folder, quoted, read_settings, settings_text, write_settings
from portal.setup.questions import QUESTIONS, SECRETS
from tests.accounts.institution import Institution, running
from tests.ports import free_port
from tests.sandbox_process import Sandbox
from tests.smtp import MailServer, mail_server
from tests.waiting import wait_until

NEWLINE = "\n"
ADMIN_KEY = "sk-7d1f0c9be2a84536cc"
PORTAL, PUBLIC = "https://portal.example.edu", "https://gateway.example.edu"
IN_FOREGROUND = ("env", "--default-signal=INT")  # children of a gate in the background ignore Ctrl-C else


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture(scope="module")
def gateway() -> Iterator[Sandbox]:
    with Sandbox(admin_key=ADMIN_KEY) as process:
        yield process


@pytest.fixture(scope="module")
def openid() -> Iterator[Institution]:
    with running() as institution:
        yield institution


def set_up(repository: Path, *arguments: str, typed: str = "", **given: str) -> "subprocess.CompletedProcess[str]":
    """Run it with an empty environment; `typed` are the lines of a person."""
    environment = {"PATH": os.environ["PATH"], **given}
    command = [sys.executable, "manage.py", "setup", *arguments]
    return subprocess.run(
        command, cwd=repository, env=environment, input=typed, capture_output=True, text=True, timeout=120
    )


def settings_in(file: Path) -> dict[str, str]:
    return read_env_file(file.read_text())


@pytest.mark.postgres
@pytest.mark.redis
def test_a_person_answers_six_questions_and_wrong_answers_are_named_at_once(
    repository: Path, folder: Path, gateway: Sandbox, postgres_url: str, redis_url: str, mail: MailServer
) -> None:
    file = folder / "passerelle.env"
    nowhere = free_port()
    typed = [
        *("portal.example.edu", "n", PORTAL),
        *(f"http://127.0.0.1:{nowhere}", "n", gateway.url),
        *("sk-wrong-key-of-nobody", "n", gateway.admin_key),
        PUBLIC,
        *(postgres_url.replace("/postgres", "/nothing"), "n", postgres_url),
        *(f"redis://127.0.0.1:{nowhere}/0", "n", redis_url),
        *(f"smtp://127.0.0.1:{nowhere}", "n", f"smtp://127.0.0.1:{mail.port}"),
        "",  # no institution
    ]

    done = set_up(repository, "--file", str(file), typed="".join(f"{line}\n" for line in typed))

    for words in (
        *("with https://", "No gateway answers there", "The gateway does not accept it", "It cannot be used"),
        *("It does not answer:", "It does not answer as it should", "passerelle --env-file"),
    ):
        assert words in done.stdout, done.stderr
    found = settings_in(file)
    assert found.keys() == {
        *("PORTAL_URL", "GATEWAY_URL", "GATEWAY_ADMIN_KEY", "GATEWAY_PUBLIC_URL", "DATABASE_URL", "REDIS_URL"),
        *("EMAIL_URL", "SECRET_KEY", "PLAYGROUND_KEY_SECRET"),
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (done.returncode, "Everything is well." in done.stdout) == (0, True)
    assert [secret for secret in (found["SECRET_KEY"], found["PLAYGROUND_KEY_SECRET"]) if secret in done.stdout] == []

    again = set_up(repository, "--file", str(file), "--no-checks", typed=f"https://other.example.edu{8 * NEWLINE}y\n")

    assert again.returncode == 0, again.stderr
    assert settings_in(file) == {**found, "PORTAL_URL": "https://other.example.edu"}
    assert found["GATEWAY_ADMIN_KEY"] not in again.stdout
    [former] = folder.glob("passerelle.env.*")
    assert settings_in(former) == found
    assert stat.S_IMODE(former.stat().st_mode) == 0o600


def test_at_most_six_settings_have_to_be_given() -> None:
    asked = [question for question in QUESTIONS if question.is_wanted({"GATEWAY_URL": PUBLIC})]

    assert len([question for question in asked if not question.is_optional]) == 6
    assert len([question for question in asked if not (question.is_optional or question.default)]) == 2


def test_secrets_as_files_are_those_that_the_units_load(repository: Path) -> None:
    unit = (repository / "deploy" / "systemd" / "passerelle-.service.d" / "20-secrets.conf").read_text()

    assert sorted(re.findall(r"^LoadCredential=(\w+):", unit, re.MULTILINE)) == sorted(name.lower() for name in SECRETS)


def test_machines_set_up_without_questions_and_twice_the_same(repository: Path, folder: Path) -> None:
    file, secrets = folder / "env", folder / "secrets"
    given = {"PORTAL_URL": PORTAL, "GATEWAY_URL": PUBLIC, "REDIS_URL": "redis://10.0.0.1/0", "EMAIL_URL": "smtp://mx"}
    (folder / "key").write_text("sk-of-the-gateway\n")
    given |= {"GATEWAY_ADMIN_KEY_FILE": str(folder / "key"), "DATABASE_URL": "postgresql://a:p%23ss@10.0.0.2/b"}
    arguments = ["--non-interactive", "--no-checks", "--file", str(file), "--secrets-as-files", str(secrets)]

    without = set_up(repository, *arguments, PORTAL_URL=PORTAL)
    assert without.returncode == 1
    assert "GATEWAY_ADMIN_KEY is missing." in without.stderr
    assert "DATABASE_URL" not in without.stderr  # the defaults are servers on this machine
    assert not file.exists()

    assert set_up(repository, *arguments, "--set", "TIME_ZONE=Europe/Paris", **given).returncode == 0
    assert settings_in(file) == {
        **{name: given[name] for name in ("PORTAL_URL", "GATEWAY_URL", "REDIS_URL")},
        "TIME_ZONE": "Europe/Paris",
    }
    names = ["database_url", "email_url", "gateway_admin_key", "playground_key_secret", "secret_key"]
    assert sorted(each.name for each in secrets.iterdir()) == names
    assert {stat.S_IMODE(each.stat().st_mode) for each in secrets.iterdir()} == {0o600}
    before = {each: each.read_text() for each in [file, *secrets.iterdir()]}

    assert set_up(repository, *arguments).returncode == 0
    assert {each: each.read_text() for each in [*folder.glob("env*"), *secrets.iterdir()]} == before

    refused = set_up(repository, *arguments, "--set", "TIME_ZONE=UTC")
    assert (refused.returncode, "--replace" in refused.stderr) == (1, True)
    assert set_up(repository, *arguments, "--set", "TIME_ZONE=UTC", "--replace").returncode == 0
    assert settings_in(file)["TIME_ZONE"] == "UTC"
    assert len(list(folder.glob("env.*"))) == 1


def test_ctrl_c_leaves_nothing_behind(repository: Path, folder: Path) -> None:
    command = [sys.executable, "-u", "manage.py", "setup", "--file", str(folder / "env"), "--no-checks"]
    with subprocess.Popen(
        [*IN_FOREGROUND, *command],
        cwd=repository,
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{PORTAL}\n".encode())
        process.stdin.flush()
        os.set_blocking(process.stdout.fileno(), False)
        wait_until(lambda: b"LiteLLM" in (process.stdout.read() or b"" if process.stdout else b""))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130

    assert list(folder.iterdir()) == []


def test_another_run_keeps_secrets_as_files_and_what_it_does_not_ask_for(repository: Path, folder: Path) -> None:
    file, secrets = folder / "etc" / "env", folder / "etc" / "secrets"
    given = {
        "PORTAL_URL": PORTAL,
        "GATEWAY_URL": PUBLIC,
        "GATEWAY_PUBLIC_URL": PUBLIC,
        "REDIS_URL": "redis://10.0.0.1/0",
    }
    given |= {"GATEWAY_ADMIN_KEY": ADMIN_KEY, "DATABASE_URL": "postgresql://a:p@10.0.0.2/b", "EMAIL_URL": "smtp://mx"}
    arguments = ["--no-checks", "--file", str(file)]
    first = set_up(repository, *arguments, "--non-interactive", "--secrets-as-files", str(secrets), **given)
    assert first.returncode == 0, first.stderr
    assert {stat.S_IMODE(each.stat().st_mode) for each in (file.parent, secrets)} == {0o711}
    before = {each.name: each.read_text() for each in secrets.iterdir()}

    again = set_up(repository, *arguments, typed=f"\x1b[D\nhttps://other.example.edu{7 * NEWLINE}y\n")

    assert again.stdout.count("It cannot be written") == 1
    expected = {"PORTAL_URL": "https://other.example.edu"}
    assert settings_in(file) == {name: given[name] for name in given if name not in SECRETS} | expected
    assert {each.name: each.read_text() for each in secrets.iterdir()} == before

    (folder / "key").write_text("sk-the-next-of-the-gateway")
    arguments += ["--non-interactive", "--replace"]
    set_up(repository, *arguments, GATEWAY_ADMIN_KEY_FILE=str(folder / "key"))
    assert (secrets / "gateway_admin_key").read_text() == "sk-the-next-of-the-gateway\n"
    assert (secrets / "secret_key").read_text() == before["secret_key"]


def test_secrets_that_a_person_put_next_to_the_settings_stay_there(folder: Path) -> None:
    file = folder / "env"
    for name in ("secret_key", "playground_key_secret"):
        (folder / name).write_text("of a trial")
    assert former_folder(file) is None

    (folder / "gateway_admin_key").write_text("of a server")
    assert former_folder(file) == folder
    file.write_text("SECRET_KEY=in-the-file\n")
    assert former_folder(file) is None


def test_settings_that_another_run_changed_meanwhile_are_not_replaced(folder: Path) -> None:
    file = folder / "env"
    file.write_text("SECRET_KEY=of-the-other-run\n")

    with pytest.raises(ValueError, match="changed meanwhile"):
        write_settings(file, {"SECRET_KEY": "ours"}, secrets_folder=None, before={})

    for number in range(3):  # in one second
        write_settings(file, {"SECRET_KEY": f"{number}"}, secrets_folder=None, before=read_settings(file, None))
    assert {settings_in(each)["SECRET_KEY"] for each in folder.iterdir()} == {"of-the-other-run", "0", "1", "2"}


def test_ctrl_c_during_the_checks_says_that_the_settings_are_written(repository: Path, folder: Path) -> None:
    file, nowhere = folder / "env", free_port()
    typed = [PORTAL, f"http://127.0.0.1:{nowhere}", "y", ADMIN_KEY, "y", PUBLIC]
    typed += [f"postgresql://a@127.0.0.1:{nowhere}/b", "y", f"redis://127.0.0.1:{nowhere}", "y"]
    typed += [f"smtp://127.0.0.1:{nowhere}", "y", ""]
    command = [sys.executable, "manage.py", "setup", "--file", str(file)]
    pipe, environment = subprocess.PIPE, {"PATH": os.environ["PATH"]}
    with subprocess.Popen(
        [*IN_FOREGROUND, *command], cwd=repository, env=environment, text=True, stdin=pipe, stdout=pipe, stderr=pipe
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write("".join(f"{line}\n" for line in typed))
        process.stdin.flush()
        assert any("Checking them" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
        assert process.wait(30) == 130

    assert "not all checks have run" in errors
    assert "Nothing was written" not in errors
    assert settings_in(file)["PORTAL_URL"] == PORTAL


def test_addresses_that_libraries_read_differently_are_refused_and_passwords_never_shown() -> None:
    questions = {question.name: question for question in QUESTIONS}
    for name, scheme in (("DATABASE_URL", "postgresql"), ("REDIS_URL", "redis"), ("EMAIL_URL", "smtp")):
        for password in ("hun%ter", "hun#ter", "hun/ter", "hun?ter", "hun@ter", "hun ter"):
            problem = questions[name].attempt({name: f"{scheme}://ada:{password}@127.0.0.1:1/0"})
            assert "percent-encoded" in (problem or "")
            assert "ter" not in (problem or "").replace("characters", "")
    for name in ("PORTAL_URL", "GATEWAY_URL", "DATABASE_URL", "REDIS_URL", "EMAIL_URL", "OIDC_ISSUER"):
        assert questions[name].attempt({name: "https://[::1"})
        assert all(isinstance(each.is_wanted({name: "https://[::1"}), bool) for each in QUESTIONS)
    table = [
        ("postgresql://ada:a:b@host/d", "postgresql://ada:…@host/d"),
        ("postgresql://host/d?user=ada&password=secret", "postgresql://host/d?user=ada&password=…"),
        ("redis://:p/w@host", "redis://:…@host"),
        ("redis://host", "redis://host"),
        ("postgresql://ada@host/d", "postgresql://ada@host/d"),
    ]
    assert [without_password(address) for address, _ in table] == [shown for _, shown in table]


def test_an_issuer_is_read_at_once(repository: Path, folder: Path, openid: Institution) -> None:
    other = openid.url.replace("127.0.0.1", "localhost")
    arguments = ["--non-interactive", "--file", str(folder / "env")]
    given = {"PORTAL_URL": PORTAL, "OIDC_ISSUER": other, "OIDC_CLIENT_ID": "portal"}

    done = set_up(repository, *arguments, **given)

    assert f"OIDC_ISSUER: It calls itself {openid.url}" in done.stderr
    assert "OIDC_CLIENT_SECRET is missing." in done.stderr


def test_values_are_read_as_they_were_written() -> None:
    values = {
        "A": "plain-value_1/2:3@4%5+6,7=8~9",
        "B": "two words # and a $sign",
        "C": "it's",
        "D": 'says "no"\\',
        "E": "ünï",
    }
    text = settings_text(values, secrets_folder=None)

    assert read_env_file(text) == values
    shell = subprocess.run(
        ["sh", "-c", f'{text}\nprintf \'%s|\' "$A" "$B" "$C" "$D" "$E"'], capture_output=True, text=True
    )
    assert shell.stdout == "".join(f"{value}|" for value in values.values())
    for wrong in ("two\nlines", "it's $5"):
        with pytest.raises(ValueError, match="a value has"):
            quoted(wrong)
