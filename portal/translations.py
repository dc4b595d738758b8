"""Compiles locale/*.po without gettext's programs, which many machines do not have."""

from collections.abc import Iterable
from pathlib import Path

import polib


def compile_translations(folders: Iterable[str | Path]) -> list[Path]:
    """Compile each .mo that is older than its .po; return the written files. Safe to run concurrently."""
    sources = [source for folder in folders for source in Path(folder).glob("*/LC_MESSAGES/*.po")]
    return [_compile(source) for source in sources if not _is_fresh(source.with_suffix(".mo"), source)]


def _is_fresh(target: Path, source: Path) -> bool:
    return target.exists() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns


def _compile(source: Path) -> Path:
    target = source.with_suffix(".mo")
    half_written = target.with_suffix(".mo.new")
    polib.pofile(str(source)).save_as_mofile(str(half_written))
    half_written.replace(target)
    return target
