"""Prepares the start of the portal: tables, cache, translations, static files, demo people.

Each step is quick, or skipped, when there is nothing to do.
"""

import filecmp
import hashlib
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

from portal.folders import BASE_DIR, INSTALLED
from portal.translations import compile_translations


def prepare(say: Callable[[str], None]) -> None:
    """Run every step, each announced by one line."""
    say("Bringing the database up to date")
    call_command("migrate", verbosity=0, interactive=False)
    if not settings.REDIS_URL:
        call_command("createcachetable", verbosity=0)
    if not INSTALLED:
        say("Compiling translations")
        compile_translations(settings.LOCALE_PATHS)
        collect_static_files(say)
    if settings.SANDBOX:
        say("Making the demo people")
        call_command("seed_demo", stdout=StringIO())


def collect_static_files(say: Callable[[str], None]) -> None:
    """Collect the static files where they have changed since the last time."""
    if _static_files_changed():
        say("Collecting static files")
        _delete_outdated_copies()
        call_command("collectstatic", verbosity=0, interactive=False)
        _static_stamp().write_text(_digest_of_static_files(), encoding="utf-8")


def _delete_outdated_copies() -> None:
    """Delete copies that differ from their source: collectstatic keeps those that are newer than it.

    A source is older than its copy when it was renamed, or when a package dates its files back.
    """
    for finder in get_finders():
        for name, storage in finder.list([]):
            copy = Path(settings.STATIC_ROOT, getattr(storage, "prefix", None) or "", name)
            if copy.is_file() and not filecmp.cmp(storage.path(name), copy, shallow=False):
                copy.unlink()


def _static_stamp() -> Path:
    return Path(settings.VAR_DIR) / "static.stamp"


def _static_files_changed() -> bool:
    stamp = _static_stamp()
    if not (settings.STATIC_ROOT / "staticfiles.json").exists() or not stamp.exists():
        return True
    return stamp.read_text(encoding="utf-8") != _digest_of_static_files()


def _digest_of_static_files() -> str:
    """Return a digest of the names, sizes and times of collectstatic's sources, of packages by their locks."""
    digest = hashlib.sha256()
    for path in sorted(_static_inputs()):
        state = path.stat()
        digest.update(f"{path} {state.st_size} {state.st_mtime_ns} {settings.STATIC_ROOT}\n".encode())
    return digest.hexdigest()


def _static_inputs() -> Iterator[Path]:
    listed = ("package-lock.json", "requirements/base.txt", "portal/settings.py", "portal/components.py")
    yield from (BASE_DIR / name for name in listed)
    for folder in settings.STATICFILES_DIRS:
        yield from (path for path in Path(folder).rglob("*") if path.is_file())
