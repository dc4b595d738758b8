"""What is no archive of ours, or no longer one, is refused in plain words before anything of it is used."""

import io
import zipfile
from typing import Final

import msgspec
import pytest

from portal.backups.archive import MOST_MANIFEST_BYTES, Reader, Writer
from portal.backups.errors import BackupError
from portal.backups.manifest import DATABASE, FILES, FORMAT, MANIFEST, Manifest, Part

ROWS: Final = DATABASE["sqlite"]
PICTURE: Final = f"{FILES}0a/{'0a' * 16}"


def written(*names: str, **fields: object) -> bytes:
    """Return an archive with these parts, and these fields in its manifest."""
    file = io.BytesIO()
    with Writer(file) as writer:
        for name in names:
            writer.add(name, [b"of a person, " * 300], compress=name == ROWS)
        manifest = Manifest(
            format=FORMAT,
            version="0.1.0",
            made_at="2026-11-30T03:00:00+00:00",
            vendor="sqlite",
            migrations={},
            rows={},
            parts=writer.parts,
            missing_files=0,
            settings={},
            fingerprints={},
        )
        writer.finish(msgspec.structs.replace(manifest, **fields))
    return file.getvalue()


def verify(content: bytes) -> None:
    Reader(io.BytesIO(content)).verify()


def test_a_damaged_byte_is_found_in_plain_words() -> None:
    good = written(ROWS, PICTURE)
    verify(good)
    harmless = 0
    for place in range(0, len(good), 3):
        for flipped in (0x01, 0x80):
            damaged = bytearray(good)
            damaged[place] ^= flipped
            try:
                verify(bytes(damaged))
                harmless += 1  # in a date, or in what is there twice
            except BackupError:
                pass
    assert harmless < len(good) / 10
    for length in range(0, len(good), 50):
        with pytest.raises(BackupError, match="no backup"):
            verify(good[:length])


def test_parts_that_no_backup_has_are_refused() -> None:
    parts = {ROWS: Part(bytes=10**13, sha256="0" * 64)}
    packed = io.BytesIO(written(ROWS))
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(other := io.BytesIO(), "w", zipfile.ZIP_LZMA) as copy:
        for name in (ROWS, MANIFEST):
            copy.writestr(name, source.read(name))
    cases = [
        ("no name of a part", written(ROWS, f"{FILES}../secret_key")),
        ("no name of a part", written(ROWS, f"{FILES}/etc/passwd")),
        ("no name of a part", written(ROWS, "portal.env")),
        ("other parts", written(PICTURE)),
        ("other parts", written(ROWS, vendor="oracle")),
        ("not what was written", written(ROWS, parts=parts)),  # refused by its size, unread
        ("not what was written", other.getvalue()),
    ]
    for words, content in cases:
        with pytest.raises(BackupError, match=words):
            verify(content)


def test_a_manifest_that_would_fill_the_memory_is_not_read() -> None:
    with zipfile.ZipFile(file := io.BytesIO(), "w") as parts:
        parts.writestr(MANIFEST, "{}")
        parts.getinfo(MANIFEST).file_size = MOST_MANIFEST_BYTES + 1  # in the directory, which is written at the end
    with pytest.raises(BackupError, match="too large"):
        verify(file.getvalue())
