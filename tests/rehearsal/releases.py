"""Releases to install: the wheel of this checkout, built once in a run of the tests, and a later version of it."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from tests.servers import ROOT

VERSION: Final = re.compile(r'^version = "([^"]+)"$', re.MULTILINE)


def version_here() -> str:
    """Return the version of this checkout."""
    found = VERSION.search((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert found
    return found[1]


def built_wheel() -> Path:
    """Return the wheel of this checkout, built by the first that asks in a run of the tests, in half a minute."""
    folder = Path(os.environ.get("TEST_FOLDER", tempfile.gettempdir())) / "wheel"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(folder.glob("*.whl")):
            options = ["--quiet", "--offline", "--wheel", "--no-build-isolation", "--python", sys.executable]
            command = [sys.executable, "-m", "uv", "build", *options, "--out-dir", str(folder), "."]
            subprocess.run(command, cwd=ROOT, check=True)
    [wheel] = folder.glob("*.whl")
    return wheel


def later_wheel(wheel: Path, version: str, folder: Path) -> Path:
    """Write a copy of the wheel that bears another version, and return it."""
    before = version_here()
    later = folder / wheel.name.replace(before, version, 1)
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(later, "w") as new:
        for item in old.infolist():
            content = old.read(item)
            name = item.filename.replace(f"passerelle-{before}.dist-info", f"passerelle-{version}.dist-info")
            if name.endswith((".dist-info/METADATA", ".dist-info/RECORD", "app/release.json")):
                content = content.replace(before.encode(), version.encode())
            if name.endswith(".dist-info/RECORD"):  # no digests: two files have changed
                content = re.sub(rb",sha256=[^,]*,\d*$", b",,", content, flags=re.MULTILINE)
            new.writestr(name, content, compress_type=zipfile.ZIP_STORED)
    return later


def locked_packages(python: str) -> Path:
    """Return a folder with the locked packages for this Python, from the registry; once in a run of the tests."""
    folder = Path(os.environ.get("TEST_FOLDER", tempfile.gettempdir())) / f"packages-{Path(python).name}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary=:all:"]
            command = [python, "-m", "pip", "download", *options, "-r", "requirements/base.txt", "-d", f"{folder}.part"]
            subprocess.run(command, cwd=ROOT, check=True)
            shutil.move(f"{folder}.part", folder)
            subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)
    return folder
