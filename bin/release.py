#!/usr/bin/env python
"""Builds a release into dist/ and checks it: `make release`.

The wheel is installed in an empty environment of each Python in PYTHONS, and started there without npm. --try takes a
changed tree and a changelog without a section of the version.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

from packaging.metadata import Metadata

from tests.packaging.wheels import build, differences_from_git, run_and_read

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Check the tree, build, check what was built."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--try", action="store_true", dest="trial", help="build and check what is there")
    trial = parser.parse_args().trial
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    if not trial:
        refuse_unfinished(version)
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    print("Building wheel and source distribution")
    wheel, source = build(dist, os.environ | ({} if trial else {"PASSERELLE_RELEASE": "1"}))
    refuse_wrong_files(wheel, source)
    with zipfile.ZipFile(wheel) as archive:
        [name] = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        Metadata.from_email(archive.read(name), validate=True)
    locked = dist / f"passerelle-{version}-requirements.txt"
    shutil.copy(ROOT / "requirements" / "base.txt", locked)
    for python in os.environ.get("PYTHONS", sys.executable).split():
        print(f"Installing and starting it with {python}")
        named = try_out(wheel, locked, python)
        if not trial and named != version:
            sys.exit(f"The portal says that it is {named}, not {version}.")
    sums = [f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n" for each in (wheel, source, locked)]
    (dist / "SHA256SUMS").write_text("".join(sums))
    print(
        f"dist/ has {version}, built and checked.", "" if trial else f"Next: git tag -a v{version}, and publish dist/."
    )


def refuse_unfinished(version: str) -> None:
    """Exit unless the tree is clean, the changelog has a section of the version, and the version is new."""
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True)
    if changed.stdout:
        sys.exit(f"The tree has changes that are not committed:\n{changed.stdout}")
    if not re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE):
        sys.exit(f"CHANGELOG.md has no section of the version: '## {version} (date)'.")
    tag = subprocess.run(["git", "tag", "--list", f"v{version}"], cwd=ROOT, capture_output=True, text=True, check=True)
    if tag.stdout:
        sys.exit(f"{version} is released already (tag v{version}): raise the version in pyproject.toml.")


def refuse_wrong_files(wheel: Path, source: Path) -> None:
    """Exit if wheel or source distribution have other files than git."""
    wrong = {what: names for what, names in differences_from_git(wheel, source).items() if names}
    if wrong:
        sys.exit("\n".join(f"{what}: {', '.join(sorted(names)[:20])}" for what, names in wrong.items()))


def try_out(wheel: Path, locked: Path, python: str) -> str:
    """Install the wheel as docs/operating.md has it, in an empty environment, and run it; return its version."""
    with tempfile.TemporaryDirectory(prefix="passerelle-release-") as name:
        folder = Path(name)
        inside = folder / "venv" / "bin" / "python"
        pip = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(inside)]
        subprocess.run([python, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
        subprocess.run([*pip, "--require-hashes", "-r", str(locked)], check=True)
        subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
        check = [sys.executable, "-m", "uv", "pip", "check", "--quiet", "--python", str(inside)]
        subprocess.run(check, check=True)  # the locked packages are all that the wheel needs
        subprocess.run([*pip, "-c", str(ROOT / "requirements" / "dev.txt"), f"{wheel}[sandbox]"], check=True)
        return run_and_read(folder / "venv" / "bin" / "passerelle", folder)


if __name__ == "__main__":
    main()
