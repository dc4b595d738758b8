"""The HTML around code, tables and formulas: from our templates, in the language of the page, with placeholders."""

import re
from dataclasses import dataclass
from typing import Final

LANGUAGE, CODE, CODE_ID, MATH = "zzLANGUAGEzz", "zzCODEzz", "zzIDzz", "zzMATHzz"
_PLACES: Final = re.compile(f"({LANGUAGE}|{CODE}|{CODE_ID}|{MATH})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """HTML with placeholders, and texts. `code` without a language says `code_word`."""

    code: str
    code_word: str
    formula: str
    table: str  # its opening tag
    picture: str  # "… {host}"
    named_picture: str  # "… {alt} … {host}"
    footnote_back: str
    alerts: dict[str, str]  # by the text in the brackets of [!NOTE]


def filled(frame: str, values: dict[str, str]) -> str:
    """Return the frame with HTML in its placeholders; inserted HTML is not searched for placeholders again."""
    return "".join(values.get(part, part) for part in _PLACES.split(frame))
