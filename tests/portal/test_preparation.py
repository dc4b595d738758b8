"""Static files are collected again where their sources have changed, whatever the times of the files are."""

import os
from pathlib import Path

from pytest_django import Settings

from portal.preparation import collect_static_files


def test_a_renamed_source_replaces_a_newer_copy(settings: Settings, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "script.js").write_text("the first")
    (source / "other.js").write_text("the second")
    os.utime(source / "other.js", (1, 1))
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS, settings.STATIC_ROOT, settings.VAR_DIR = [source], tmp_path / "static", tmp_path
    collect_static_files(lambda _words: None)
    (source / "other.js").rename(source / "script.js")  # as git mv, which keeps the time

    collect_static_files(lambda _words: None)

    assert (tmp_path / "static" / "script.js").read_text() == "the second"
