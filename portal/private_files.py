"""Files and folders of the embedded mode: private to their owner, and written atomically. Knows no setting."""

import os
import secrets
import stat
from pathlib import Path
from uuid import uuid4

OURS = frozenset({"run.lock", "secret_key", "db.sqlite3", "broker", "sandbox", "static.stamp"})  # of a VAR_DIR
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def write_whole(path: Path, text: str) -> None:
    """Replace the file atomically, readable for its owner only: readers get the old text or the new one."""
    draft = path.with_name(f".{uuid4().hex}.draft")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def kept_secret(path: Path) -> str:
    """Return a random secret that stays the same for every start, stored in that file."""
    if not path.exists():
        write_whole(path, secrets.token_urlsafe(50))
    return path.read_text(encoding="utf-8")


def own_folder(path: Path, *, surely: bool = False) -> Path:
    """Create the folder, or restrict its permissions to its owner; return it.

    Left alone: a folder of another user, a shared one (sticky bit, as /tmp), and one with other files,
    unless it is `surely` ours.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    state = path.stat()
    if state.st_uid == os.geteuid() and state.st_mode & OTHERS and not state.st_mode & stat.S_ISVTX:
        names = {each.name for each in path.iterdir()}
        if surely or not names or names & OURS:
            path.chmod(stat.S_IMODE(state.st_mode) & ~OTHERS)
    return path


def is_open_to_others(path: Path) -> bool:
    """Say whether anybody but its owner can read this folder."""
    return path.exists() and bool(path.stat().st_mode & OTHERS)


def close_to_others(folder: Path, *, but: Path) -> None:
    """Restrict all our files and folders below `folder` to their owner, except those below `but`."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(parent, name) != but]
        for path in (Path(parent, name) for name in (*folders, *files)):
            state = path.lstat()
            ours = state.st_uid == os.geteuid() and not stat.S_ISLNK(state.st_mode)
            if ours and state.st_mode & OTHERS:
                path.chmod(stat.S_IMODE(state.st_mode) & ~OTHERS)
