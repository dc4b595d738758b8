"""A process that reads the text of one file: its data on standard input, JSON on standard output.

It is started as a script, isolated (`python -I`) and with an empty environment: no settings, no secret, no database.
Once it has its libraries it can open no file and no socket, and start no process. Its parent kills it at the deadline.
"""

import codecs
import ctypes
import importlib
import io
import json
import os
import pkgutil
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from zipfile import BadZipFile, ZipFile

if TYPE_CHECKING:  # else imported where a file is read: the portal takes the names below, and would load both libraries
    from docx.table import Table

PDF, WORD = "pdf", "word"
LIBRARIES: Final = {PDF: "pypdf", WORD: "docx"}
# Reasons for which there is no text: services.extraction has the words.
ENCRYPTED, BROKEN, NOT_WORD, TOO_MANY_PAGES, TOO_LONG, TOO_MUCH_MEMORY = (
    "encrypted",
    "broken",
    "not word",
    "pages",
    "characters",
    "memory",
)
PR_SET_PDEATHSIG: Final = 1  # Linux: the signal that this process gets when its parent dies
NICE: Final = 10  # pages go first
OPEN_FILES: Final = 3  # standard input, output and error
MB: Final = 1_000_000
WORD_TEXT: Final = "word/document.xml"
# What PDF files and archives name; Python would read them from files, and none can be opened later.
ENCODINGS: Final = (
    "ascii",
    "latin-1",
    "cp1252",
    "charmap",
    "mac-roman",
    "cp437",
    "utf-8",
    "utf-16",
    "utf-16-be",
    "utf-16-le",
)
CJK_ENCODINGS: Final = ("gbk", "gb18030", "big5", "big5hkscs", "shift_jis", "euc_jp", "euc_kr", "cp949", "iso2022_jp")


class NoText(Exception):
    """The file has no text that could be sent; its argument is the reason."""


def main() -> None:
    """Read the file, and write `{"text", "pages"}` or `{"reason"}`; nothing of one that breaks the library."""
    kind, limits = sys.argv[1], json.loads(sys.argv[2])
    _load(LIBRARIES[kind])
    _restrict(memory_mb=limits["memory_mb"], cpu_s=limits["cpu_s"])
    try:
        written = json.dumps(read(kind, sys.stdin.buffer.read(), pages=limits["pages"], chars=limits["chars"]))
    except NoText as reason:
        written = json.dumps({"reason": str(reason)})
    except MemoryError:
        written = json.dumps({"reason": TOO_MUCH_MEMORY})
    sys.stdout.write(written)


def read(kind: str, data: bytes, *, pages: int, chars: int) -> dict[str, Any]:
    """Return the text, and the number of pages where the format has them. Raises NoText."""
    if kind == PDF:
        parts, page_count = _pdf(data, pages)
    else:
        parts, page_count = _word(data), None
    texts, length = [], 0
    for part in parts:
        length += len(part)
        if length > chars:
            raise NoText(TOO_LONG)
        texts.append(part)
    text = "\n\n".join(texts).replace("\0", "").encode("utf-8", "replace").decode()
    return {"text": text.strip(), "pages": page_count}


def _load(library: str) -> None:
    """Import all modules of a library, some of which it would import later, and encodings."""
    for module in pkgutil.walk_packages(importlib.import_module(library).__path__, f"{library}."):
        with suppress(ImportError):  # for what is not installed, and not used here
            importlib.import_module(module.name)
    for encoding in ENCODINGS + CJK_ENCODINGS:
        codecs.lookup(encoding)


def _restrict(*, memory_mb: int, cpu_s: int) -> None:
    """Give up what the reading of one file does not need."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.nice(NICE)
    for what, most in (
        (resource.RLIMIT_AS, memory_mb * MB),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _pdf(data: bytes, most_pages: int) -> tuple[Iterator[str], int]:
    from pypdf import PasswordType, PdfReader

    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise NoText(ENCRYPTED)
    count = len(reader.pages)
    if not count:
        raise NoText(BROKEN)
    if count > most_pages:
        raise NoText(TOO_MANY_PAGES)
    return (page.extract_text().strip() for page in reader.pages), count


def _word(data: bytes) -> Iterator[str]:
    """Yield paragraphs, and tables with a line for each row."""
    from docx import Document
    from docx.table import Table

    try:
        with ZipFile(io.BytesIO(data)) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
            if WORD_TEXT not in packed.namelist():
                raise NoText(NOT_WORD)
    except BadZipFile:
        raise NoText(BROKEN) from None
    if unpacked > resource.getrlimit(resource.RLIMIT_AS)[0] // 4:
        raise NoText(TOO_MUCH_MEMORY)
    for block in Document(io.BytesIO(data)).iter_inner_content():
        yield "\n".join(_rows(block)) if isinstance(block, Table) else block.text


def _rows(table: "Table") -> Iterator[str]:
    for row in table.rows:
        cells, texts = iter(row.cells), []
        for cell in cells:
            texts.append(" ".join(cell.text.split()))
            repeated = cell.grid_span - 1  # for each column that it spans
            next(islice(cells, repeated, repeated), None)
        yield " | ".join(texts)


if __name__ == "__main__":
    main()
