"""Reads a file with settings: NAME=value lines, as systemd's EnvironmentFile has. Knows no setting."""

import os
import re
import shlex
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

LINE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")


def read_env_file(text: str) -> dict[str, str]:
    """Return the settings; ValueError names the line that is none.

    A value may stand in quotation marks. `#` begins a comment only at the start of a line: secrets contain it.
    """
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not (line := line.strip()) or line[0] in "#;":
            continue
        match = LINE.fullmatch(line)
        if not match:
            raise ValueError(f"line {number} is not NAME=value")
        value = match[2].strip()
        if value[:1] in ("'", '"'):
            value = _unquoted(value, number)
        found[match[1]] = value
    return found


def _unquoted(value: str, number: int) -> str:
    try:
        [word] = shlex.split(value)
    except ValueError:
        raise ValueError(f"line {number} has more than one text in quotation marks, or no closing one") from None
    return word


def load_env_file(path: Path, environ: MutableMapping[str, str] = os.environ) -> None:
    """Set what the file names; what the environment has already stays, also as a file (`NAME_FILE`)."""
    try:
        found = read_env_file(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise ValueError(f"{path}: {problem}") from None
    for name, value in found.items():
        other = name.removesuffix("_FILE") if name.endswith("_FILE") else f"{name}_FILE"
        if other not in environ or other in found:
            environ.setdefault(name, value)
