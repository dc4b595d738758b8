"""The set-up as a command: arguments, questions, and what comes next."""

import argparse
import getpass
import os
import re
import secrets
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from portal.env_file import other_name
from portal.setup.addresses import without_password
from portal.setup.files import former_folder, quoted, read_settings, secret_file, write_settings
from portal.setup.questions import MADE, QUESTIONS, SECRETS, Question

BASE_DIR: Final = Path(__file__).resolve().parent.parent.parent
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
INTERRUPTED: Final = 130  # the exit status after Ctrl-C
DOCTOR: Final = ("settings", "database", "redis", "gateway", "mail", "sign-in")  # what works before the first start
NEXT: Final = """
Next:
  1. {run} migrate          creates the tables
  2. {run} create-admin     creates the first account
  3. systemctl enable --now passerelle-web passerelle-worker passerelle-polls passerelle-beat
     (or: docker compose up -d)    docs/operating.md has the units and the containers
  4. {run} doctor           checks all of it, once it runs
Keep a copy of {what} in a safe place: without PLAYGROUND_KEY_SECRET and SECRET_KEY a backup is not complete.
"""


class SetUpRefused(Exception):
    """It cannot go on; nothing was written. Its text says why."""


def main(argv: Sequence[str]) -> int | str:
    """Ask, check, write; return what `sys.exit` takes."""
    options = _parser().parse_args(argv)
    os.umask(0o077)
    try:
        _absolute(options)
        before = read_settings(options.file, options.secrets_as_files)
        answers = _answers(options, before)
        kept = write_settings(options.file, answers, secrets_folder=options.secrets_as_files, before=before)
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("\nNothing was written.\n")
        return INTERRUPTED
    except OSError as problem:
        return f"Not everything could be read or written: {problem}. Run it again; it keeps what is there."
    except (SetUpRefused, ValueError) as problem:
        return f"Nothing was written: {problem}"
    try:
        return _finish(options, answers, kept)
    except KeyboardInterrupt:
        sys.stderr.write(f"\nThe settings are in {options.file}; not all checks have run.\n")
        return INTERRUPTED


def _absolute(options: argparse.Namespace) -> None:
    """Name the files from the root, as programs in other folders need them; keep secrets where they are files."""
    options.file = options.file.absolute()
    folder = options.secrets_as_files or former_folder(options.file)
    options.secrets_as_files = folder.absolute() if folder else None


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()  # before what a child prints


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="passerelle setup",
        description="Ask for what is needed, check it, make the secrets, and write the file with the settings. Another "
        "run keeps what was answered. Without questions: --non-interactive, with settings from the environment (NAME, "
        "or NAME_FILE) and --set.",
    )
    default = "/etc/passerelle/env" if os.geteuid() == 0 else "passerelle.env"
    parser.add_argument("--file", type=Path, default=Path(default), help=f"the file with the settings ({default})")
    parser.add_argument(
        "--secrets-as-files",
        type=Path,
        metavar="DIR",
        help="write each secret to a file of its own, e.g. /etc/passerelle",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting; no secret, which others would see"
    )
    parser.add_argument(
        "--non-interactive", action="store_true", help="ask nothing; end with 1 where something is missing"
    )
    parser.add_argument("--replace", action="store_true", help="replace a file that is there (the old one is kept)")
    parser.add_argument("--no-checks", action="store_true", help="connect to nothing, for images and offline machines")
    return parser


def _answers(options: argparse.Namespace, before: Mapping[str, str]) -> dict[str, str]:
    """Return what is to be written: the earlier settings, what was given and answered, and the secrets."""
    given = _given(options.set)
    answers = {name: value for name, value in before.items() if other_name(name) not in given} | given
    if options.non_interactive:
        _take(answers, is_checked=not options.no_checks)
    else:
        _ask_all(answers, is_checked=not options.no_checks)
    for name in MADE:
        if not answers.get(name) and not answers.get(f"{name}_FILE"):
            answers[name] = secrets.token_urlsafe(50)
    answers = {name: value for name, value in answers.items() if value}
    if options.secrets_as_files:  # those in other files, too
        values = _values(answers)
        answers |= {name: values[name] for name in SECRETS if answers.pop(f"{name}_FILE", "")}
    if options.file.exists() and answers != before and not (options.replace or _may_replace(options)):
        raise SetUpRefused(f"{options.file} is there. --replace replaces it; the old one is kept.")
    return answers


def _finish(options: argparse.Namespace, answers: Mapping[str, str], kept: Sequence[Path]) -> int:
    """Name what was written, run the doctor on it, and say what comes next; return the doctor's exit status."""
    _print(f"\nThe settings are in {options.file}, for its owner only.")
    if options.secrets_as_files:
        _print(f"The secrets are files in {options.secrets_as_files}, for their owner only.")
    for each in kept:
        _print(f"The former ones are kept in {each}.")
    state = 0 if options.no_checks else _examine(answers, options.secrets_as_files)
    run = "passerelle-manage" if options.secrets_as_files else f"passerelle --env-file {shlex.quote(str(options.file))}"
    _print(NEXT.format(run=run, what=options.secrets_as_files or options.file))
    return state


def _given(pairs: Sequence[str]) -> dict[str, str]:
    """Return the settings of the command line and of the environment, the former first."""
    names = [*(question.name for question in QUESTIONS), *MADE]
    names += [f"{name}_FILE" for name in names]
    found = {name: os.environ[name] for name in names if os.environ.get(name)}
    found |= {name: str(Path(file).absolute()) for name, file in found.items() if name.endswith("_FILE")}
    for pair in pairs:
        name, is_pair, value = pair.partition("=")
        if not is_pair or not NAME.fullmatch(name):
            raise SetUpRefused(f"--set {name}: it is written NAME=VALUE.")
        found[name] = value
    return found


def _values(answers: Mapping[str, str]) -> dict[str, str]:
    """Return the answers with the content of files in place of their names. Raises OSError."""
    files = {name.removesuffix("_FILE"): value for name, value in answers.items() if name.endswith("_FILE")}
    return {**answers, **{name: Path(file).read_text(encoding="utf-8").strip() for name, file in files.items()}}


def _take(answers: dict[str, str], *, is_checked: bool) -> None:
    """Check the given answers; SetUpRefused names all that is missing or wrong."""
    values, wrong = _values(answers), []
    for question in QUESTIONS:
        if not question.is_wanted(values):
            continue
        if question.default and not values.get(question.name):
            answers[question.name] = values[question.name] = question.default
        if not values.get(question.name):
            if not question.is_optional:
                wrong.append(f"{question.name} is missing.")
        elif is_checked and not _depends_on(question, wrong):
            problem = question.attempt(values)
            wrong += [f"{question.name}: {problem}"] if problem else []
    if wrong:
        raise SetUpRefused("\n  ".join(["", *wrong]).strip())


def _depends_on(question: Question, wrong: Sequence[str]) -> bool:
    """Return whether this is about a gateway whose address is missing or wrong."""
    return question.name.startswith("GATEWAY") and any(each.startswith("GATEWAY") for each in wrong)


def _ask_all(answers: dict[str, str], *, is_checked: bool) -> None:
    """Ask each question, with the earlier answer as default, until it has an answer that works."""
    _print("Enter keeps what is in [brackets]. Ctrl-C ends without writing anything.\n")
    for question in QUESTIONS:
        if not question.is_wanted(_values(answers)):
            continue
        _ask(question, answers, is_checked=is_checked)


def _ask(question: Question, answers: dict[str, str], *, is_checked: bool) -> None:
    if answers.get(f"{question.name}_FILE"):
        _print(f"{question.name} is in {answers[f'{question.name}_FILE']}.")
        return
    while True:
        default = answers.get(question.name) or question.default
        typed = _read(question, default)
        answer = typed or default
        if not answer and not question.is_optional:
            _print("  It is needed.")
            continue
        if reason := _unwritable(answer):
            _print(f"  It cannot be written: {reason}.")
            continue
        answers[question.name] = answer
        problem = question.attempt(_values(answers)) if is_checked else None
        if problem is None:
            return
        _print(f"  {problem}")
        if _yes("  Keep it all the same?"):
            return


def _unwritable(answer: str) -> str:
    """Return why no file can hold the answer, or nothing."""
    try:
        quoted(answer)
    except ValueError as problem:
        return str(problem)
    return ""


def _read(question: Question, default: str) -> str:
    """Read an answer; one that is a secret is not shown, as long as a person types it."""
    shown = f" [{_blanked(question, default)}]" if default else ""
    prompt = f"{question.ask}{shown}: "
    if question.is_secret and sys.stdin.isatty():
        return getpass.getpass(prompt).strip()
    return input(prompt).strip()


def _blanked(question: Question, value: str) -> str:
    """Return an earlier answer without its secret."""
    if question.is_secret:
        return "as before"
    return without_password(value)


def _yes(prompt: str) -> bool:
    return input(f"{prompt} [y/N] ").strip().lower() in ("y", "yes")


def _may_replace(options: argparse.Namespace) -> bool:
    return not options.non_interactive and _yes(f"\nReplace {options.file}? The old one is kept.")


def _examine(answers: Mapping[str, str], secrets_folder: Path | None) -> int:
    """Run the doctor on the written settings; return its exit status."""
    _print("\nChecking them:")
    keep = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "PYTHONPATH") if name in os.environ
    }
    given = dict(answers)
    if secrets_folder:
        for name in SECRETS:
            if given.pop(name, ""):
                given[f"{name}_FILE"] = str(secret_file(secrets_folder, name))
    only = [word for name in DOCTOR for word in ("--only", name)]
    command = [sys.executable, str(BASE_DIR / "manage.py"), "doctor", "--before-start", *only]
    return subprocess.run(command, cwd=BASE_DIR, env=keep | given, check=False).returncode
