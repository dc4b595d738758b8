"""Where it is worth asking whether blocks of a growing text are finished: a cheap look at its lines.

It decides nothing: a place that it misses is asked for at the next one, or at the end.
"""

import re
from typing import Final

from playground.markup.blocks import may_end_a_list

_FENCE: Final = re.compile(r"\s*(`{3,}|~{3,})(.*)")
_LIST: Final = re.compile(r"\s*(?:[-+*]|\d{1,9}[.)])(?:\s|$)")


class BlockScanner:
    """Looks at the lines as they come."""

    def __init__(self) -> None:
        self.is_due = False
        self._line = ""  # that has begun
        self._fence = ""  # of the open block of code
        self._is_list = False
        self._is_after_blank = True

    def feed(self, text: str) -> None:
        """Look at the text that was added."""
        *ended, self._line = (self._line + text).split("\n")
        for line in ended:
            self._end(line)
        if self._is_after_blank and self._is_list and may_end_a_list(self._line):
            self._is_list, self.is_due = False, True

    def _end(self, line: str) -> None:
        fence = _FENCE.match(line)
        if self._fence:
            if fence and fence[1].startswith(self._fence) and not fence[2].strip():
                self._fence, self.is_due = "", not self._is_list or self.is_due
            return
        if self._is_after_blank and line.strip():
            self.is_due = self.is_due or (self._is_list and may_end_a_list(line))
            self._is_list = bool(_LIST.match(line)) or (self._is_list and not may_end_a_list(line))
        if fence:
            self._fence, self.is_due = fence[1], not self._is_list or self.is_due
        self._is_after_blank = not line.strip()
        if self._is_after_blank and not self._is_list:
            self.is_due = True
