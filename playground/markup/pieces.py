"""HTML of our own making that a sanitised text gets back: frames of code, regions that scroll, formulas.

Where such a piece belongs, the text carries a word that nobody outside can guess; so the sanitiser may forbid every id,
data attribute and button, and the pieces still have theirs.
"""

import re
from dataclasses import dataclass, field

MOST_PIECES = 1500


class TooMuch(Exception):
    """The text has more parts, deeper parts or a longer result than an answer may have."""


@dataclass(slots=True)
class Pieces:
    """The pieces of one text, in their order; `mark` begins the words that stand for them."""

    mark: str
    _html: list[str] = field(default_factory=list)

    def keep(self, html: str) -> str:
        """Keep the piece; return the word that stands for it."""
        if len(self._html) >= MOST_PIECES:
            raise TooMuch
        self._html.append(html)
        return f"{self.mark}{len(self._html) - 1}q"

    def new_id(self) -> str:
        """Return an id for use within a piece; it begins with the mark, which `put_back` leaves there."""
        return f"{self.mark}-{len(self._html)}"

    def put_back(self, html: str) -> str:
        """Return the sanitised text with its pieces in their places."""
        return re.sub(f"{self.mark}([0-9]+)q", lambda found: self._html[int(found[1])], html)
