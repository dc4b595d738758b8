"""The folders that the portal writes to: there, writable, private, with room."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage

from portal.doctor.report import Result, ok, problem, warning
from portal.folders import INSTALLED
from web.commands import command

LEAST_MB: Final = 100  # below it something fails soon
LITTLE_MB: Final = 1024
LITTLE: Final = 0.05  # of the disk, unless that is more than
MUCH_MB: Final = 10 * 1024


def folders_can_be_used() -> Iterator[Result]:
    """Check each folder."""
    yield from _folder("VAR_DIR", Path(settings.VAR_DIR))
    if settings.IMAGE_STORAGE == "django.core.files.storage.FileSystemStorage":
        yield from _folder("IMAGE_DIR", Path(settings.IMAGE_DIR))


def _folder(name: str, folder: Path) -> Iterator[Result]:
    try:
        if not folder.exists() and _can_be_made(folder):
            yield ok(f"{name} {folder} is made at the first write.")
            return
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"-" * 4096)
    except OSError as error:
        advice = f"Make it, for the user who runs the portal (now: {_user()}): install -d -m 700 -o USER {folder}"
        yield problem(f"{name} {folder} cannot be written: {error.strerror}.", advice)
        return
    yield _room(name, folder)
    if stat.S_IMODE(folder.stat().st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        yield problem(f"Other users of this machine may write to {name} {folder}.", f"Run: chmod go-w {folder}")
    elif name == "IMAGE_DIR" and stat.S_IMODE(folder.stat().st_mode) & stat.S_IRWXO:
        text = f"Other users of this machine may list {name} {folder}, with what people upload."
        yield warning(text, f"Run: chmod o= {folder}")


def _can_be_made(folder: Path) -> bool:
    """Return whether the nearest folder above it can be written; nothing is made here, perhaps by another user."""
    above = next(each for each in folder.parents if each.exists())
    return os.access(above, os.W_OK | os.X_OK)


def _room(name: str, folder: Path) -> Result:
    usage = shutil.disk_usage(folder)
    free_mb = usage.free / 2**20
    text = f"{name} {folder} has {_in_words(free_mb)} of {_in_words(usage.total / 2**20)} left."
    if free_mb < LEAST_MB:
        return problem(text, "Make room: images, files and beat's times cannot be written soon.")
    if free_mb < LITTLE_MB or (free_mb < MUCH_MB and usage.free < LITTLE * usage.total):
        return warning(text, "Make room before it is full.")
    return ok(f"{text} It can be written.")


def _in_words(megabytes: float) -> str:
    return f"{megabytes / 1024:.1f} GB" if megabytes >= 1024 else f"{megabytes:.0f} MB"


def _user() -> str:
    return os.environ.get("USER") or f"number {os.geteuid()}"


def static_files_are_collected() -> Iterator[Result]:
    """Check that every file of the manifest is there."""
    if settings.DEBUG:
        yield ok("Static files come from the sources, with DEBUG.")
        return
    hashed: dict[str, str] = getattr(staticfiles_storage, "hashed_files", {})
    missing = [name for name in hashed.values() if not Path(settings.STATIC_ROOT, name).is_file()]
    if not hashed or missing:
        text = f"{len(missing)} static files are missing" if missing else "There are no static files"
        yield problem(
            f"{text} in {settings.STATIC_ROOT}.",
            f"Run: {command('manage collectstatic --no-input' if INSTALLED else 'collectstatic --no-input')}",
        )
    else:
        yield ok(f"All {len(hashed)} static files are in {settings.STATIC_ROOT}.")
