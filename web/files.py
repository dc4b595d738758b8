"""People's images as files, in the storage `STORAGES["images"]`: stored, read, deleted. Knows nothing of rows.

Names are random. Exceptions of the storage become StorageUnavailable, except for a missing
file (FileNotFoundError). Call none of this in a transaction: a storage may be another machine.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Final
from uuid import uuid4

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, storages

logger = logging.getLogger(__name__)

ALIAS: Final = "images"
CHUNK_BYTES: Final = 1024 * 1024
_NAME: Final = re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}")  # nothing else in the storage is touched


class StorageUnavailable(Exception):
    """The file storage does not answer, is full, or refuses."""


def is_file_name(name: str) -> bool:
    """Tell whether a file of ours can have this name."""
    return _NAME.fullmatch(name) is not None


def store_file(data: bytes) -> str:
    """Store the data under a new random name, and return it. Raises StorageUnavailable."""
    storage, name = storages[ALIAS], uuid4().hex
    try:
        return storage.save(f"{name[:2]}/{name}", ContentFile(data))
    except Exception as error:
        logger.warning("files: an image was not stored, %s", type(error).__name__)
        raise StorageUnavailable from error


def read_file(name: str) -> bytes:
    """Return what is in a file. Raises FileNotFoundError or StorageUnavailable."""
    storage = storages[ALIAS]
    try:
        with storage.open(name) as file:
            data: bytes = file.read()
            return data
    except FileNotFoundError:
        logger.warning("files: the file of an image is missing")
        raise
    except Exception as error:
        logger.warning("files: an image was not read, %s", type(error).__name__)
        raise StorageUnavailable from error


def pieces_of(name: str) -> Iterator[bytes]:
    """Yield what is in a file, piece by piece. Raises FileNotFoundError or StorageUnavailable."""
    try:
        with storages[ALIAS].open(name) as file:
            yield from file.chunks(CHUNK_BYTES)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise StorageUnavailable from error


def put_back(name: str, content: IO[bytes]) -> None:
    """Store a file under the name that it had, in place of what is there. Raises StorageUnavailable."""
    storage = storages[ALIAS]
    try:
        storage.delete(name)
        stored = storage.save(name, File(content, name))
    except Exception as error:
        raise StorageUnavailable from error
    if stored != name:
        raise StorageUnavailable(f"{name} was stored as {stored}")


def delete_files(names: Iterable[str]) -> int:
    """Delete the files that exist; return how many. The prune deletes what the storage does not delete now."""
    storage, deleted = storages[ALIAS], 0
    for name in names:
        try:
            storage.delete(name)
        except Exception as error:  # noqa: BLE001  (any exception of a storage)
            logger.warning("files: an image was not deleted yet, %s", type(error).__name__)
        else:
            deleted += 1
    return deleted


def folders_of_files() -> Iterator[list[str]]:
    """Yield the names of all files of ours, folder by folder. Raises StorageUnavailable."""
    storage = storages[ALIAS]
    try:
        folders, _files = storage.listdir("")
        for folder in folders:
            _folders, files = storage.listdir(folder)
            yield [name for name in (f"{folder}/{file}" for file in files) if is_file_name(name)]
    except FileNotFoundError:  # nothing was ever stored
        return
    except Exception as error:
        raise StorageUnavailable from error


def folder_of_files() -> Path | None:
    """Return the folder that has the files; None where they are not on a disk of this machine."""
    storage = storages[ALIAS]
    return Path(storage.location) if isinstance(storage, FileSystemStorage) else None


def stored_at(name: str) -> datetime | None:
    """Return when a file was stored, None where it is gone. Raises StorageUnavailable."""
    storage = storages[ALIAS]
    try:
        return storage.get_modified_time(name)
    except FileNotFoundError:
        return None
    except Exception as error:
        raise StorageUnavailable from error
