"""The settings of a running portal (`make run`), for `manage.py` in a second terminal.

`VAR_DIR/run.env` has the settings of `make run`, for its owner only; it exists while the portal runs.
The default VAR_DIR has a link to it, because VAR_DIR may be anywhere. Imported before the settings: it knows none.
"""

import contextlib
import fcntl
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from portal.folders import default_var_dir
from portal.private_files import own_folder, write_whole

LINKS: Final = Path(default_var_dir()) / "running"
CHOOSES_ITSELF: Final = (
    "EMBEDDED",
    "SECRET_KEY",
    "PORTAL_URL",
    "DATABASE_URL",
)  # whoever sets one means another portal


@contextmanager
def written_down(var_dir: Path, settings: Mapping[str, str]) -> Iterator[None]:
    """Save the settings in `var_dir` during the `with`."""
    file, link = var_dir / "run.env", LINKS / sha256(str(var_dir).encode()).hexdigest()[:16]
    write_whole(file, "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items()))
    with contextlib.suppress(OSError):  # a read-only checkout: then VAR_DIR must be set
        own_folder(LINKS.parent, surely=True)
        LINKS.mkdir(exist_ok=True)
        for gone in (each for each in LINKS.iterdir() if not each.exists()):  # of a portal whose folder was removed
            gone.unlink(missing_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            link.unlink(missing_ok=True)


def use_running_portal(environ: dict[str, str] | os._Environ[str] = os.environ) -> None:
    """Load the settings of the portal that runs in this checkout, unless the environment has its own; print that."""
    if any(name in environ or f"{name}_FILE" in environ for name in CHOOSES_ITSELF):
        return
    found = [Path(environ["VAR_DIR"]) / "run.env"] if "VAR_DIR" in environ else list(LINKS.glob("*"))
    running = [file.resolve() for file in found if file.exists() and _runs_in(file.resolve().parent)]
    if len(running) > 1:
        folders = ", ".join(str(file.parent) for file in running)
        sys.stderr.write(f"Several portals run here: set VAR_DIR to one of {folders}\n")
    if len(running) != 1:
        return
    with contextlib.suppress(OSError, ValueError):  # it belongs to another user, or has just ended
        named = dict(word.split("=", 1) for word in shlex.split(running[0].read_text(encoding="utf-8")))
        for name, value in named.items():
            environ.setdefault(name, value)
        sys.stderr.write(f"Using the settings of the portal that runs here ({running[0]}).\n")


def _runs_in(var_dir: Path) -> bool:
    """Say whether a portal holds the lock of this folder."""
    try:
        with (var_dir / "run.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
