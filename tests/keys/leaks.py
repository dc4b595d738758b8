"""Search for secrets: in every table, cache, session, file, e-mail and log, in every reversible encoding."""

import base64
import io
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection

WINDOW = 10  # characters of a secret in a row that are too many; the last four are shown on purpose


def traces_of(secret: str) -> set[bytes]:
    """Return what gives a secret away: pieces of it, forwards and backwards, and its base64 and hex."""
    bare = secret.removeprefix("sk-").encode()
    pieces = {bare[start : start + WINDOW] for start in range(len(bare) - WINDOW + 1)}
    backwards = {piece[::-1] for piece in pieces}
    encoded = {form for shift in range(3) for form in _base64(bare, shift)}
    return pieces | backwards | encoded | {bare.hex().encode(), bare.hex().upper().encode()}


def _base64(bare: bytes, shift: int) -> set[bytes]:
    """Return how it looks inside a longer text in base64, where it begins `shift` bytes after a group of three."""
    first = (0, 2, 3)[shift]
    forms = (base64.b64encode(b"." * shift + bare), base64.urlsafe_b64encode(b"." * shift + bare))
    return {form[first:-4] for form in forms}


def assert_nowhere(secrets: Iterable[str], places: Iterable[tuple[str, bytes]]) -> None:
    """Check that none of the secrets is in any of the places, which are names with contents."""
    traces = {trace for secret in secrets for trace in traces_of(secret)}
    assert traces, "no secret to search for"
    found = {name for name, content in places for trace in traces if trace in content}
    assert not found, sorted(found)


def everywhere(caplog: pytest.LogCaptureFixture) -> Iterator[tuple[str, bytes]]:
    """Yield every place of this process and its database."""
    yield from in_tables()
    yield from in_sessions()
    yield from in_cache_and_broker()
    yield from in_files(Path(settings.VAR_DIR))
    yield from in_mails()
    yield "log", caplog.text.encode(errors="surrogateescape")


def in_tables() -> Iterator[tuple[str, bytes]]:
    """Yield all rows of each table; a cache in the database too, pickled and in base64."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows = cursor.fetchall()
            yield f"table {table}", repr(rows).encode()
            if table in ("portal_cache", "portal_rendered"):
                yield "cache, decoded", b"".join(base64.b64decode(row[1]) for row in rows)


def in_sessions() -> Iterator[tuple[str, bytes]]:
    """Yield what the sessions hold: compressed in their table."""
    for session in Session.objects.all():
        yield "a session", repr(session.get_decoded()).encode()


def in_cache_and_broker() -> Iterator[tuple[str, bytes]]:
    """Yield everything that Redis holds, where there is one; else both are in tables and files."""
    if not settings.REDIS_URL:
        return
    with redis.Redis.from_url(settings.REDIS_URL) as server:
        for name in server.scan_iter():
            yield f"redis {name!r}", server.dump(name) or b""


def in_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file: the database itself with its log of changes, the broker's messages, whatever else is there.

    Another process reads them: who opens and closes SQLite's files drops the locks that its process has on them, and
    the next connection to close takes the log of changes away from under all others (sqlite.org, "How To Corrupt").
    """
    reading = ["tar", "--create", "--ignore-failed-read", "--warning=none", f"--directory={folder}", "."]
    archive = subprocess.run(reading, stdout=subprocess.PIPE, check=False)
    assert archive.returncode in (0, 1), archive.returncode  # 1: a file changed meanwhile
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        for member in files:
            if content := files.extractfile(member):
                yield member.name.removeprefix("./"), content.read()


def in_mails() -> Iterator[tuple[str, bytes]]:
    """Yield every e-mail, as sent and as read."""
    for message in mail.outbox:
        sent = message.message()
        yield "a mail", sent.as_bytes()
        for part in sent.walk():
            yield "a mail, decoded", bytes(part.get_payload(decode=True) or b"")
