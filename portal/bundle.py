"""`passerelle bundle`: a release with all packages that it needs, for a machine without a network (ADR 55).

Reads no setting. Runs on a machine with a network, and with the system, processor and Python of the other one.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

INSTALL: Final = """\
#!/bin/sh
# Installs Passerelle from this folder, without a network: ./install.sh FOLDER, e.g. /opt/passerelle/{version}
# Needs {python} with its module venv. PYTHON names another program than python3.
set -eu
python=${{PYTHON:-python3}} folder=${{1:?name the folder to install to, e.g. /opt/passerelle/{version}}}
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac
cd "$(dirname "$0")"
found=$("$python" -c 'import sys; print("Python %d.%d" % sys.version_info[:2])')
if [ "$found" != "{python}" ]; then
    echo "These packages are for {python}, and $python is $found: set PYTHON to another program." >&2
    exit 1
fi
if [ -e "$folder" ]; then
    echo "$folder is there: name a folder that is not." >&2
    exit 1
fi
sha256sum --check --quiet SHA256SUMS
trap 'rm -rf "$folder"; echo "Nothing was installed." >&2' EXIT
trap 'exit 130' INT TERM HUP
umask 022  # for the user who runs the portal
"$python" -m venv "$folder"
pip() {{
    "$folder/bin/python" -m pip --isolated --disable-pip-version-check install --quiet --no-index --no-cache-dir "$@"
}}
pip --find-links packages --only-binary :all: --require-hashes --requirement requirements.txt
pip --no-deps {wheel}
trap - EXIT
echo "Installed: $folder/bin/passerelle. Next: $folder/bin/passerelle setup"
"""


class BundleRefused(Exception):
    """There is no bundle. Its text says why."""


def main(argv: Sequence[str]) -> int | str:
    """Make the bundle; return what `sys.exit` takes."""
    options = _parser().parse_args(argv)
    try:
        made = bundle(options.wheel, options.requirements, options.output, python=options.python)
    except (BundleRefused, OSError) as problem:
        return f"No bundle was made: {problem}"
    sys.stdout.write(f"{made} has everything. There: tar xf {made.name} && {made.stem}/install.sh FOLDER\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="passerelle bundle",
        description="Pack a release with all packages that it needs, for a machine without a network: with the same "
        "system, processor and version of Python as this one.",
    )
    parser.add_argument("wheel", type=Path, help="of the release: passerelle-0.1.0-py3-none-any.whl")
    parser.add_argument("requirements", type=Path, help="its locked packages: passerelle-0.1.0-requirements.txt")
    parser.add_argument("--output", type=Path, default=Path(), metavar="FOLDER", help="where to write it (here)")
    parser.add_argument(
        "--python", default=sys.executable, help="the Python of the other machine, as it is called here"
    )
    return parser


def bundle(wheel: Path, requirements: Path, output: Path, *, python: str) -> Path:
    """Write the archive, and return it; it appears whole or not at all."""
    version = wheel.name.split("-")[1] if wheel.name.count("-") >= 2 else ""
    if not (version and wheel.is_file() and requirements.is_file()):
        raise BundleRefused("name the wheel and the requirements of a release, as they are called there.")
    name = f"passerelle-{version}-bundle"
    with tempfile.TemporaryDirectory(dir=output, prefix=".bundle-") as temporary:
        folder = Path(temporary) / name
        (folder / "packages").mkdir(parents=True)
        _download(requirements, folder / "packages", python)
        shutil.copy(wheel, folder)
        shutil.copy(requirements, folder / "requirements.txt")
        _write_script(folder / "install.sh", version=version, wheel=wheel.name, python=_version_of(python))
        _write_digests(folder)
        archive = Path(temporary) / f"{name}.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(folder, name)
        return archive.rename(output / archive.name)


def _download(requirements: Path, folder: Path, python: str) -> None:
    """Get the packages that are locked, and no others, each with the digest of the lock."""
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "download", "--quiet"]
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", str(requirements)]
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # set by the command passerelle
    command = [*pip, *options, "--dest", str(folder)]
    done = subprocess.run(command, env=ours, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise BundleRefused(f"pip cannot get the packages.\n{done.stderr.strip()}")


def _version_of(python: str) -> str:
    """Return "Python 3.12"."""
    script = 'import sys; print("Python %d.%d" % sys.version_info[:2])'
    return subprocess.run([python, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def _write_script(file: Path, **words: str) -> None:
    file.write_text(INSTALL.format(**words), encoding="utf-8")
    file.chmod(0o755)


def _write_digests(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder)}\n" for file in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
