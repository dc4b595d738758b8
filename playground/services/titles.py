"""Names a conversation after its first message."""

import unicodedata
from typing import Final

from django.utils.translation import gettext as _

from gateway.secret import redact

LONGEST: Final = 60
LOOKED_AT: Final = 1000  # characters; a prompt may have a hundred thousand
JOINERS: Final = {"\u200c", "\u200d"}  # parts of words and emoji


def title_of(text: str, *, longest: int = LONGEST) -> str:
    """Return the beginning of a message as one line of at most 60 characters, or `longest`, cut between words."""
    shown = (char if _may_show(char) else " " for char in text[:LOOKED_AT])
    line = redact(" ".join("".join(shown).split()))
    if len(line) <= longest:
        return line or _("New conversation")
    start = line[: longest - 1]
    whole = start if line[longest - 1] == " " else start.rpartition(" ")[0]
    return f"{(whole or start).rstrip()}…"


def _may_show(char: str) -> bool:
    """Refuse characters that hide or reorder the text around them."""
    return char in JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co")
