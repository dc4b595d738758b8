"""Reads a file with settings: NAME=value lines, as systemd's EnvironmentFile has. Knows no setting."""

import os
import re
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

LINE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
ESCAPED: Final = {  # by the first character of a value: whole values, and what a backslash takes its meaning from
    "'": (re.compile(r"'([^']*)'"), None),
    '"': (re.compile(r'"((?:[^"\\]|\\.)*)"'), re.compile(r'\\(["\\`$])')),
}
PLAIN: Final = re.compile(r"\\(.)")  # in a value without quotation marks


def read_env_file(text: str) -> dict[str, str]:
    """Return the settings; ValueError names the line that is none.

    A value may stand in quotation marks; a backslash is read as systemd reads it. `#` begins a comment only at the
    start of a line: secrets contain it.
    """
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not (line := line.strip()) or line[0] in "#;":
            continue
        match = LINE.fullmatch(line)
        if not match:
            raise ValueError(f"line {number} is not NAME=value")
        found[match[1]] = _value_of(match[2].strip(), number)
    return found


def _value_of(text: str, number: int) -> str:
    if text[:1] not in ESCAPED:
        return PLAIN.sub(r"\1", text)
    whole, escaped = ESCAPED[text[0]]
    match = whole.fullmatch(text)
    if not match:
        raise ValueError(f"line {number} has more than one text in quotation marks, or no closing one")
    return escaped.sub(r"\1", match[1]) if escaped else match[1]


def other_name(name: str) -> str:
    """Return the name by which the same setting is given otherwise: in a file, or as it is."""
    return name.removesuffix("_FILE") if name.endswith("_FILE") else f"{name}_FILE"


def load_env_file(path: Path, environ: MutableMapping[str, str] = os.environ) -> None:
    """Set what the file names; what the environment has already stays, also as a file (`NAME_FILE`)."""
    try:
        found = read_env_file(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise ValueError(f"{path}: {problem}") from None
    for name, value in found.items():
        other = other_name(name)
        if other not in environ or other in found:
            environ.setdefault(name, value)
