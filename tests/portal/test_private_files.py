"""VAR_DIR is private to its owner, also if it existed before; shared folders are left as they are."""

import contextlib
import stat
from pathlib import Path

from portal.private_files import close_to_others, own_folder, write_whole


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    old, shared, foreign, new = (tmp_path / name for name in ("old", "shared", "foreign", "new"))
    for folder, rights in ((old, 0o755), (shared, 0o1777), (foreign, 0o755)):
        folder.mkdir()
        folder.chmod(rights)
    for path in (old / "secret_key", shared / "secret_key", foreign / "thesis.tex"):
        path.write_text("there before")

    for folder in (old, shared, foreign, new):
        own_folder(folder)

    assert [mode(folder) for folder in (old, shared, foreign, new)] == [0o700, 0o1777, 0o755, 0o700]


def test_files_of_earlier_starts_are_closed_to_others_but_static_ones(tmp_path: Path) -> None:
    for name in ("db.sqlite3", "sandbox/broker/1_x.celery.msg", "log/run.log", "static/portal.css"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("there before")
        path.chmod(0o664)
    (tmp_path / "link").symlink_to("/etc/hostname")

    close_to_others(tmp_path, but=tmp_path / "static")

    open_to_others = [path.name for path in tmp_path.rglob("*") if not path.is_symlink() and mode(path) & 0o077]
    assert sorted(open_to_others) == ["portal.css", "static"]


def test_who_writes_a_file_leaves_no_draft_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()

    with contextlib.suppress(OSError):
        write_whole(tmp_path / "taken", "text")

    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
