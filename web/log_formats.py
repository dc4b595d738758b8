"""The two forms of a log line: text, and JSON with the fields of the request or task (ADR 57)."""

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final

from gateway import log_context
from web.logs import in_one_line, redact, without_halves

LINE: Final = "{asctime} {levelname} {name} {message}"


class LineFormatter(logging.Formatter):
    """A line of text that ends with the id of its request, in brackets, where there is one; tracebacks are indented."""

    def __init__(self) -> None:
        super().__init__(LINE, style="{")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with the traceback below it: no message of an exception looks like a line of its own."""
        line, *traceback = super().format(record).split("\n")
        return "\n".join([line, *(f"  {in_one_line(each)}" for each in traceback)])

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (as the library names it)
        """Return the line without a traceback."""
        line = in_one_line(super().formatMessage(record))
        request_id = log_context.request_id()
        return f"{line} [{request_id}]" if request_id else line


class JsonFormatter(logging.Formatter):
    """One JSON object an event, in one line, of ASCII: whatever encoding the standard error has.

    Its fields are those below, those of the context, and those that the event brings as `fields`: never whatever a
    library hangs on a record, which may be a request, a task's arguments or a body.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        shown: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": without_halves(redact(record.getMessage())),
            **log_context.noted(),
            **record.__dict__.get("fields", {}),
        }
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        for name, text in (("traceback", record.exc_text), ("stack", record.stack_info)):
            if text:
                shown[name] = without_halves(redact(text))
        return json.dumps(shown, default=str)
