"""A file storage for images that can be unavailable, and its content."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from django.core.files.storage import FileSystemStorage, storages


class Away(Exception):
    """What a storage on another machine raises: an error of its own."""


class SwitchableStorage(FileSystemStorage):
    """A folder that does not answer while it is away."""

    is_away: ClassVar = False

    def path(self, name: str) -> str:
        """Return where the file is; all that a storage does comes through here."""
        if SwitchableStorage.is_away:
            raise Away
        return super().path(name)


def configured(folder: Path) -> dict[str, Any]:
    """Return the entry of STORAGES."""
    options = {"location": str(folder), "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700}
    return {"BACKEND": f"{__name__}.SwitchableStorage", "OPTIONS": options}


@contextmanager
def away() -> Iterator[None]:
    """Let the storage not answer."""
    SwitchableStorage.is_away = True
    try:
        yield
    finally:
        SwitchableStorage.is_away = False


def files() -> dict[str, bytes]:
    """Return the files that are stored, by name."""
    folder = folder_of_files()
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def age_files(by: timedelta) -> None:
    """Make all files older."""
    at = time.time() - by.total_seconds()
    for name in files():
        os.utime(folder_of_files() / name, (at, at))


def folder_of_files() -> Path:
    """Return where the storage keeps them."""
    storage = storages["images"]
    assert isinstance(storage, FileSystemStorage)
    return Path(storage.base_location)
