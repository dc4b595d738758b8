"""The archive: a zip file that is written and read in pieces, and appears under its name when it is complete."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Self
from uuid import uuid4

import msgspec

from portal.backups.errors import BackupError
from portal.backups.manifest import DATABASE, FILES, MANIFEST, Manifest, Part
from web.files import is_file_name

CHUNK_BYTES: Final = 1024 * 1024
DRAFT_PREFIX, DRAFT_SUFFIX = ".passerelle-", ".draft"
DRAFTS: Final = f"{DRAFT_PREFIX}*{DRAFT_SUFFIX}"
MOST_MANIFEST_BYTES: Final = 1024**3  # it is read as a whole; a file has 150 bytes of it
WRITTEN: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the ways of compression
DAMAGE: Final = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, ValueError)  # of zipfile


class Writer:
    """An archive in the making."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)
        self.parts: dict[str, Part] = {}

    def add(self, name: str, chunks: Iterable[bytes], *, compress: bool = False) -> None:
        """Write a part as it comes; its size need not be known."""
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o600 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
        digest, size = hashlib.sha256(), 0
        with self._zip.open(entry, "w", force_zip64=True) as part:
            for chunk in chunks:
                part.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        self.parts[name] = Part(bytes=size, sha256=digest.hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest: without it nobody restores the archive."""
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        self._zip.writestr(zipfile.ZipInfo(MANIFEST), text, zipfile.ZIP_DEFLATED)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()


@contextmanager
def complete_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that only its owner can read, and that gets its name when the block has succeeded."""
    draft = path.with_name(f"{DRAFT_PREFIX}{uuid4().hex}{DRAFT_SUFFIX}")
    try:
        with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            raise BackupError(f"{path} has been made meanwhile.")
        draft.replace(path)
        _sync_folder(path.parent)  # before an older one is deleted
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Reader:
    """An archive that is read."""

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
            if self._zip.getinfo(MANIFEST).file_size > MOST_MANIFEST_BYTES:
                raise BackupError("This is no backup: its manifest is too large.")
            self.manifest = msgspec.json.decode(self._zip.read(MANIFEST), type=Manifest)
        except DAMAGE as error:
            raise BackupError(f"This is no backup, or it is not complete ({type(error).__name__}).") from error

    def open(self, name: str) -> IO[bytes]:
        """Open a part."""
        return self._zip.open(name)

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield a part piece by piece."""
        try:
            with self.open(name) as part:
                while chunk := part.read(CHUNK_BYTES):
                    yield chunk
        except DAMAGE as error:
            raise BackupError(f"The backup is damaged: {name} cannot be read.") from error

    def verify(self) -> None:
        """Compare every part with its digest. Raises BackupError at the first that differs, is missing or too many."""
        self._verify_names()
        for name, part in self.manifest.parts.items():
            digest = hashlib.sha256()
            for chunk in self.chunks(name):
                digest.update(chunk)
            if digest.hexdigest() != part.sha256:
                raise BackupError(f"The backup is damaged: {name} is not what was written.")

    def _verify_names(self) -> None:
        """Refuse parts that no backup has, before any of them is read."""
        database, parts = DATABASE.get(self.manifest.vendor, ""), self.manifest.parts
        if database not in parts or sorted(self._zip.namelist()) != sorted([MANIFEST, *parts]):
            raise BackupError("The backup is damaged: it has other parts than its manifest says.")
        for name, part in parts.items():
            if name != database and not (name.startswith(FILES) and is_file_name(name.removeprefix(FILES))):
                raise BackupError(f"This is no backup: {name!r} is no name of a part.")
            entry = self._zip.getinfo(name)
            if entry.file_size != part.bytes or entry.compress_type not in WRITTEN:
                raise BackupError(f"The backup is damaged: {name} is not what was written.")
