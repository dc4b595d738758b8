"""What surrounds code, tables and formulas: HTML of our templates, in the language of the page, with places to fill."""

import re
from dataclasses import dataclass
from typing import Final

LANGUAGE, CODE, CODE_ID, MATH = "zzLANGUAGEzz", "zzCODEzz", "zzIDzz", "zzMATHzz"
_PLACES: Final = re.compile(f"({LANGUAGE}|{CODE}|{CODE_ID}|{MATH})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """HTML with places, and words; whoever renders fills them in. `code` without a language says `code_word`."""

    code: str
    code_word: str
    formula: str
    table: str  # its opening tag
    picture: str  # "… {host}"
    named_picture: str  # "… {alt} … {host}"
    footnote_back: str
    alerts: dict[str, str]  # by what stands in the brackets of [!NOTE]


def filled(frame: str, values: dict[str, str]) -> str:
    """Return the frame with HTML in its places; what is put in is not looked through for places again."""
    return "".join(values.get(part, part) for part in _PLACES.split(frame))
