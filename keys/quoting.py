"""Escapes text for string literals of other languages, so that no text becomes code there."""

import json
import re
from typing import Final

_SHORT: Final = {"\n": "\\n", "\t": "\\t"}
_IN_CMD: Final = re.compile(r"[\w./: -]", re.ASCII)
_OF_CMD: Final = re.compile(r"""[^ -~]|["%!^&|<>`\\]""")  # and what no code page writes as UTF-8
_PLAIN: Final = re.compile(r"[\w./:@%+=~-]+", re.ASCII)


def in_json(text: str) -> str:
    """Quote for JSON and JavaScript, within double quotes; the result is ASCII."""
    return json.dumps(text)[1:-1]


def in_shell(text: str) -> str:
    """Quote for a POSIX shell, within single quotes."""
    return text.replace("'", "'\\''")


def in_shell_json(text: str) -> str:
    """Quote for JSON within a shell's single quotes."""
    return in_json(text).replace("'", "\\u0027")


def in_code_points(text: str) -> str:
    r"""Quote for Python and R, within double quotes; unlike JSON they accept \U beyond 16 bits."""
    return "".join(_code_point(character) for character in text)


def readable_in_json(text: str) -> str:
    """Quote as `in_json`, but leave letters of every language, and emoji, as they are."""
    return text if _is_plain(text) else "".join(c if _is_plain(c) else json.dumps(c)[1:-1] for c in text)


def readable_in_code(text: str) -> str:
    """Quote as `in_code_points`, but leave letters of every language, and emoji, as they are."""
    return text if _is_plain(text) else "".join(c if _is_plain(c) else _SHORT.get(c) or _code_point(c) for c in text)


def readable_in_shell_json(text: str) -> str:
    """Quote as `in_shell_json`, but leave letters of every language as they are."""
    return readable_in_json(text).replace("'", "\\u0027")


def _is_plain(text: str) -> bool:
    """Tell whether all characters are visible and harmless: no quotes, control or direction characters."""
    return text.isprintable() and '"' not in text and "\\" not in text


def _code_point(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if " " <= character <= "~":
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def in_env(text: str) -> str:
    """Quote for a .env file: unquoted where that is safe, as most programs read it best."""
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def in_powershell(text: str) -> str:
    """Quote for PowerShell, within single quotes; it takes typographic ones for single quotes too."""
    return re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", text)


def in_cmd(text: str) -> str:
    """Keep what is harmless in a command of Windows: it has no way to quote the rest within double quotes."""
    return _OF_CMD.sub("", text)


def in_json_of_opencode(text: str) -> str:
    """Quote for its JSON, in which {env:NAME} and {file:path} are replaced before it is read."""
    return in_json(text).replace("{", "\\u007b")


def in_yaml_of_continue(text: str) -> str:
    """Quote for YAML, within double quotes; ${{ secrets.NAME }} is replaced before it is read."""
    return in_code_points(text).replace("$", "\\u0024")


def in_cmd_json(text: str) -> str:
    """Quote for JSON within a command of Windows: all but harmless characters become code units."""
    units = text.encode("utf-16-be", "surrogatepass")
    codes = (int.from_bytes(units[place : place + 2], "big") for place in range(0, len(units), 2))
    return "".join(chr(code) if _IN_CMD.fullmatch(chr(code)) else f"\\u{code:04x}" for code in codes)
