"""The folder in which the processes of a machine keep their counts, each in files of its own. Knows no setting.

prometheus-client maps the files into memory, so that a count costs no system call. The counts of a process that has
ended are added to those of pid 0 and its files are deleted: sums never go back, and the folder does not grow.
"""

import fcntl
import logging
import os
import shutil
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from django.utils.module_loading import import_string

logger = logging.getLogger(__name__)

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus-client when it is imported
ENDED: Final = "0"  # stands for the pid of all processes that have ended
SUMS: Final = ("counter", "histogram", "summary")
FORGOTTEN_AFTER_S: Final = 7 * 24 * 3600  # folders of other machines, as of containers that were replaced


def folder_below(data: Path) -> Path:
    """Return the folder of this machine: containers that share a volume have the same pids."""
    return data / "metrics" / socket.gethostname()


def begin_counting(data: Path) -> None:
    """Keep the counts of this process and its children in files; call it before prometheus-client is imported."""
    if "prometheus_client" in sys.modules:
        logger.warning("metrics: each process counts for itself, as it began too late")
        return
    folder = folder_below(data)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ[VARIABLE] = str(folder)
    for other in folder.parent.iterdir():
        if other != folder and time.time() - _newest(other) > FORGOTTEN_AFTER_S:
            shutil.rmtree(other, ignore_errors=True)


def folder_in_use() -> Path | None:
    """Return the folder of this process; None where each process has counts of its own."""
    found = os.environ.get(VARIABLE)
    return Path(found) if found else None


@contextmanager
def settled(folder: Path) -> Iterator[None]:
    """Add up the processes that have ended; nobody else does so in this block, in which the files can be read."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # somebody may have deleted it: facts are answered anyway
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for path in folder.glob("gauge_*.db"):
            if not _runs(_pid(path)):
                path.unlink(missing_ok=True)
        for kind in SUMS:
            _add_up(folder, kind)
        yield


def _add_up(folder: Path, kind: str) -> None:
    """Move the sums of ended processes into one file, in one step: after a kill they are counted twice, or not."""
    values_of: Any = import_string("prometheus_client.mmap_dict.MmapedDict")  # loaded late: it reads the variable
    total = folder / f"{kind}_{ENDED}.db"
    ended = [path for path in folder.glob(f"{kind}_*.db") if path != total and not _runs(_pid(path))]
    if not ended:
        return
    sums: defaultdict[str, float] = defaultdict(float)
    for path in (total, *ended):
        if path.exists() and path.stat().st_size:
            for key, value, _, _ in values_of.read_all_values_from_file(str(path)):
                sums[key] += value
    draft = folder / f"{total.name}.draft"
    draft.unlink(missing_ok=True)
    written = values_of(str(draft))
    for key, value in sums.items():
        written.write_value(key, value, 0.0)
    written.close()
    draft.replace(total)
    for path in ended:
        path.unlink()


def _pid(path: Path) -> str:
    return path.stem.rpartition("_")[2]


def _runs(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError):
        return True
    return True


def _newest(folder: Path) -> float:
    """Return when it was last used; where nothing is counted the lock is written for each scrape."""
    files = (folder, folder / "lock", *folder.glob("*.db"))
    return max((path.stat().st_mtime for path in files if path.exists()), default=0.0)
