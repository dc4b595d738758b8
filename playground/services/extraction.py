"""The text of files that people send. PDF and Word files are read in a process of their own: playground.extraction.

A process has an empty environment and limits of memory and time; a few run at once, one of each person. Nothing
is stored here.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final

from django.conf import settings

from playground.extraction import process

PDF: Final = "application/pdf"
WORD: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TEXT: Final = "text/plain"
KINDS: Final = {PDF: process.PDF, WORD: process.WORD}
# Reasons why a file is refused, in addition to those of the process; playground.forms.files has the words.
TOO_SLOW, BUSY, OLD_WORD, NOT_TEXT, NOT_UTF8, EMPTY = "time", "busy", "old word", "type", "encoding", "empty"
PATIENCE_S: Final = 2.0  # to wait for one of the processes
BYTES_A_CHARACTER: Final = 12  # of JSON at most: a pair of surrogates
OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old Office files, and encrypted new ones
ENCRYPTED_PACKAGE: Final = "EncryptedPackage".encode("utf-16-le")
PDF_HEAD_BYTES: Final = 1024  # within which "%PDF-" stands
UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
CONTROLS: Final = frozenset(range(32)) - frozenset(b"\t\n\r\f\v\b\x1b")
UNDECODED: Final = "\N{REPLACEMENT CHARACTER}"
CHARS_PER_UNDECODED: Final = 100  # at least, or it is a binary file or has another encoding; a binary has about 45

_free: Final = threading.BoundedSemaphore(settings.PLAYGROUND_FILE_READERS)
_reading: Final[set[int]] = set()  # people
_lock: Final = threading.Lock()


class NoText(Exception):
    """A file cannot be read; `reason` is one of those above, or of the process."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of a file, "" where it has none, as a scan; pages where its format has them."""

    text: str
    pages: int | None = None


def type_of(data: bytes) -> str:
    """Return PDF, WORD or TEXT by the data alone. Raises NoText for anything else."""
    if not data.strip():
        raise NoText(EMPTY)
    if b"%PDF-" in data[:PDF_HEAD_BYTES]:
        return PDF
    if data.startswith(b"PK\x03\x04"):
        return WORD
    if data.startswith(OLE):
        raise NoText(process.ENCRYPTED if ENCRYPTED_PACKAGE in data else OLD_WORD)
    if not data.startswith(UTF16_MARKS) and not CONTROLS.isdisjoint(data):
        raise NoText(NOT_TEXT)
    return TEXT


def extract(data: bytes, media_type: str, *, reader_id: int, until: float) -> Extracted:
    """Return the text of a file of this type; raise NoText if there is none at `until` (monotonic).

    `reader_id` is the person: one process reads for them at a time.
    """
    if media_type == TEXT:
        return Extracted(_decoded(data))
    with _place(reader_id):
        reply = _run(KINDS[media_type], data, seconds=until - time.monotonic())
    if reason := reply.get("reason"):
        raise NoText(str(reason))
    text, pages = str(reply.get("text", "")), reply.get("pages")
    if media_type == WORD and not text:
        raise NoText(EMPTY)
    return Extracted(text, pages if isinstance(pages, int) else None)


def _decoded(data: bytes) -> str:
    """Return the text, by its mark, as UTF-8, or else as Windows has it in the west. Raises NoText."""
    if data.startswith(UTF16_MARKS):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
    if len(text) > settings.PLAYGROUND_FILE_CHARS:
        raise NoText(process.TOO_LONG)
    if text.count(UNDECODED) * CHARS_PER_UNDECODED > len(text):
        raise NoText(NOT_UTF8)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


@contextmanager
def _place(reader_id: int) -> Iterator[None]:
    """Take one of the places for processes, of which a person has one. Raises NoText if none is free in time."""
    with _lock:
        if reader_id in _reading:
            raise NoText(BUSY)
        _reading.add(reader_id)
    try:
        if not _free.acquire(timeout=PATIENCE_S):
            raise NoText(BUSY)
        try:
            yield
        finally:
            _free.release()
    finally:
        with _lock:
            _reading.discard(reader_id)


def _run(kind: str, data: bytes, *, seconds: float) -> dict[str, object]:
    """Let a process read the data, and return what it replied. Raises NoText when it is killed at the deadline."""
    limits = {
        "pages": settings.PLAYGROUND_FILE_PAGES,
        "chars": settings.PLAYGROUND_FILE_CHARS,
        "memory_mb": settings.PLAYGROUND_FILE_MEMORY_MB,
        "cpu_s": ceil(settings.PLAYGROUND_FILE_READ_S),
    }
    command = [sys.executable, "-I", str(Path(process.__file__)), kind, json.dumps(limits)]
    with tempfile.TemporaryFile() as given:
        given.write(data)
        given.seek(0)
        with subprocess.Popen(
            command, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd=os.sep
        ) as running:
            timer = threading.Timer(max(0.0, seconds), running.kill)
            timer.start()
            try:
                most = settings.PLAYGROUND_FILE_CHARS * BYTES_A_CHARACTER + process.MB
                written = running.stdout.read(most) if running.stdout else b""
            finally:
                was_in_time = timer.is_alive()
                timer.cancel()
                running.kill()
    if not was_in_time or running.returncode == -signal.SIGXCPU:
        raise NoText(TOO_SLOW)
    try:
        reply = json.loads(written)
    except ValueError:  # it was killed, or ended itself
        return {"reason": process.BROKEN}
    return reply if isinstance(reply, dict) else {"reason": process.BROKEN}
