"""Our own HTML in a sanitised text: frames of code, scrolling regions, formulas.

The text has an unpredictable word in place of each piece; so the sanitiser can forbid every id, data attribute
and button, and the pieces still have theirs.
"""

import re
from dataclasses import dataclass, field

MOST_PIECES = 1500


class TooMuch(Exception):
    """The text has more parts, deeper nesting or a longer result than an answer may have."""


@dataclass(slots=True)
class Pieces:
    """The pieces of one text, in order; their placeholder words begin with `mark`. `before`: those of earlier parts."""

    mark: str
    before: int = 0
    _html: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """All pieces of the text so far."""
        return self.before + len(self._html)

    def keep(self, html: str) -> str:
        """Keep the piece; return its placeholder word."""
        if self.count >= MOST_PIECES:
            raise TooMuch
        self._html.append(html)
        return f"{self.mark}{len(self._html) - 1}q"

    def new_id(self) -> str:
        """Return an id for use within a piece; it begins with the mark, which `put_back` leaves there."""
        return f"{self.mark}-{self.count}"

    def put_back(self, html: str) -> str:
        """Return the sanitised text with its pieces in place."""
        return re.sub(f"{self.mark}([0-9]+)q", lambda found: self._html[int(found[1])], html)
