"""Keeps secrets of keys, and links of mails and shares, out of the log, whichever library writes the line.

A person pastes a secret into a search box, and it is in the URL: in the access log, in Django's line about
a missing page, in an error of a library. So each record is redacted when it is made, before any handler.
"""

import logging
import logging.config
import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.secret import redact as without_secrets

# Of a mail, which needs no sign-in; of a shared conversation, which any account opens, also as the page after it.
_SLASH: Final = "(?:/|%2[Ff])"
_LINK: Final = re.compile(
    rf"(/link/[a-z]+/|{_SLASH}playground{_SLASH}shared{_SLASH}"
    rf"|{_SLASH}account{_SLASH}(?:confirm-email|password{_SLASH}reset{_SLASH}key){_SLASH})[\w:%.=-]+"
)
# What could begin a forged line or hide one in a terminal, and halves of characters, which no UTF-8 has.
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_HALF: Final = re.compile("[\ud800-\udfff]")


def redact(text: str) -> str:
    """Blank secrets, the links of mails, and those to shared conversations."""
    return _LINK.sub(r"\1…", without_secrets(text))


def in_one_line(text: str) -> str:
    """Write control characters as escapes: a name with a line break in it would forge a line."""
    return _CONTROL.sub(_escape, text)


def without_halves(text: str) -> str:
    """Write lone surrogates as escapes: strict readers of JSON refuse the whole line."""
    return _HALF.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


class RedactedRecord(logging.LogRecord):
    """A record that shows no secret: in its message, arguments, traceback or stack."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.args, tuple):  # some formatters build their own line from these
            self.args = tuple(redact(each) if isinstance(each, str) else each for each in self.args)

    def getMessage(self) -> str:  # noqa: N802  (as the library names it)
        """Return the message without secrets."""
        return redact(super().getMessage())

    def __setattr__(self, name: str, value: Any) -> None:
        """Blank the texts that a handler writes below the message: formatters keep a traceback in `exc_text`."""
        if name in ("exc_text", "stack_info") and isinstance(value, str):
            value = redact(value)
        super().__setattr__(name, value)


class RefusalsInOneLine(logging.Filter):
    """Removes the tracebacks from lines about refused requests (4xx): otherwise anybody could make the log grow."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Accept every record."""
        if 400 <= getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True


def configure(config: Mapping[str, Any]) -> None:
    """Set up logging as the setting LOGGING says, with records that show no secret; Django's LOGGING_CONFIG."""
    logging.setLogRecordFactory(RedactedRecord)
    logging.config.dictConfig(dict(config))
