"""The file with the settings, and secrets as files of their own: private, replaced whole, the old one kept."""

import fcntl
import os
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from portal.env_file import read_env_file
from portal.private_files import write_whole
from portal.setup.questions import MADE, QUESTIONS, SECRETS

PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,=~-")
NOTE: Final = re.compile(rf"^# (?:{'|'.join(SECRETS)}) is in (.+)$", re.MULTILINE)  # that settings_text writes
HEAD: Final = "# Settings of Passerelle, one a line: NAME=value. All of them: docs/settings.md. For its owner only.\n"


def read_settings(file: Path, secrets_folder: Path | None) -> dict[str, str]:
    """Return the settings of an earlier run; ValueError for a file that has others than NAME=value."""
    found = read_env_file(file.read_text(encoding="utf-8")) if file.exists() else {}
    for name in SECRETS if secrets_folder else ():
        secret = secret_file(secrets_folder, name)
        if name not in found and f"{name}_FILE" not in found and secret.exists():
            found[name] = secret.read_text(encoding="utf-8").strip()
    return found


def former_folder(file: Path) -> Path | None:
    """Return the folder where the secrets are files already: without it another run would make new ones."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if noted := NOTE.search(text):
        return Path(noted[1]).parent
    names = (*MADE, "GATEWAY_ADMIN_KEY")  # without the last it may be the folder of a trial, which has the others
    is_next_to_it = all(secret_file(file.parent, name).exists() for name in names)
    return file.parent if is_next_to_it and not MADE.keys() & read_env_file(text).keys() else None


def secret_file(folder: Path | None, name: str) -> Path:
    """Return the file of a secret: its name in small letters, as systemd's credentials have it."""
    return (folder or Path()) / name.lower()


def settings_text(answers: Mapping[str, str], *, secrets_folder: Path | None) -> str:
    """Return the file: each setting below a comment, those that we know nothing about at the end."""
    about = {question.name: question.about for question in QUESTIONS} | MADE
    lines, rest = [HEAD], dict(answers)
    for name, comment in about.items():
        as_file = rest.pop(f"{name}_FILE", "")
        value = rest.pop(name, "")
        if secrets_folder and name in SECRETS and value:
            lines.append(f"# {comment}\n# {name} is in {secret_file(secrets_folder, name)}\n")
        elif value or as_file:
            given = f"{name}_FILE={quoted(as_file)}" if as_file else f"{name}={quoted(value)}"
            lines.append(f"# {comment}\n{given}\n")
    if rest:
        lines.append("# Others\n" + "".join(f"{name}={quoted(value)}\n" for name, value in rest.items()))
    return "\n".join(lines)


def quoted(value: str) -> str:
    """Return the value so that systemd, a shell and compose read the same; ValueError where none can."""
    if not value.isprintable():
        raise ValueError("a value has a line end, or another character that does not show")
    if PLAIN.issuperset(value):
        return value
    if "'" not in value:
        return f"'{value}'"
    if any(each in value for each in '"\\$`'):
        raise ValueError("a value has ' and one of \" \\ $ ` in it: give it as a file (NAME_FILE)")
    return f'"{value}"'


def write_settings(
    file: Path, answers: Mapping[str, str], *, secrets_folder: Path | None, before: Mapping[str, str]
) -> list[Path]:
    """Write what has changed, each file whole; return the files that were kept under another name.

    ValueError where a value cannot be written, or another run has changed what was there `before`.
    """
    texts = {file: settings_text(answers, secrets_folder=secrets_folder)}
    if secrets_folder:
        _make(secrets_folder)
        given = {name: answers[name] for name in SECRETS if answers.get(name)}
        texts = {secret_file(secrets_folder, name): f"{value}\n" for name, value in given.items()} | texts
    _make(file.parent)
    with _alone(file.parent), _undisturbed():
        if read_settings(file, secrets_folder) != before:
            raise ValueError(f"{file} was changed meanwhile, perhaps by another run. Run it again")
        return [kept for path, text in texts.items() if (kept := _replace(path, text))]


def _make(folder: Path) -> None:
    """Make a missing folder. The portal's user, who is not root, gets to files of its own in it, and cannot list it."""
    if not folder.exists():
        _make(folder.parent)
        folder.mkdir()
        folder.chmod(0o711)


def _replace(path: Path, text: str) -> Path | None:
    """Write the file if it has another text; return the name under which the former one is kept."""
    before = path.read_text(encoding="utf-8") if path.exists() else None
    kept = None
    if before is not None and before != text:
        kept = path.with_name(f"{path.name}.{datetime.now(UTC):%Y-%m-%d-%H%M%S-%f}")
        write_whole(kept, before)
    if before != text:
        write_whole(path, text)
    return kept


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock the folder against another run that writes."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl-C, and the end of the session, wait until all files are written."""
    before = {each: signal.signal(each, signal.SIG_IGN) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
