"""Releases to install: the wheel of this checkout, built once in a run of the tests, and a later version of it."""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
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


def later_version() -> str:
    """Return the version after this one."""
    return f"{version_here()}.post1"


def later_wheel(wheel: Path, folder: Path) -> Path:
    """Write a copy of the wheel that bears the later version, and return it."""
    before, version = version_here(), later_version()
    later = folder / wheel.name.replace(before, version, 1)
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(later, "w") as new:
        for item in old.infolist():
            content = old.read(item)
            name = item.filename.replace(f"passerelle-{before}.dist-info", f"passerelle-{version}.dist-info")
            if name.endswith((".dist-info/METADATA", "app/release.json")):
                content = content.replace(before.encode(), version.encode(), 1)
            if name.endswith(".dist-info/RECORD"):  # no digests: two files have changed
                content = content.replace(f"passerelle-{before}".encode(), f"passerelle-{version}".encode())
                content = re.sub(rb",sha256=[^,]*,\d*$", b",,", content, flags=re.MULTILINE)
            new.writestr(name, content, compress_type=zipfile.ZIP_STORED)
    return later


def locked_packages(python: str) -> Path:
    """Return a folder with the locked packages for this Python; from the registry once for each lock."""
    lock = ROOT / "requirements" / "base.txt"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = Path(sys.prefix) / ".packages" / f"{Path(python).name}-{digest}"
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / "lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not folder.exists():
            part = folder.with_name("part")
            shutil.rmtree(part, ignore_errors=True)
            options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary=:all:"]
            command = [python, "-m", "pip", "download", *options, "-r", str(lock), "-d", str(part)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            for older in folder.parent.glob(f"{Path(python).name}-*"):
                shutil.rmtree(older)
            part.rename(folder)
    return folder
