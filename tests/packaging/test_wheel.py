"""The wheel: it holds everything, runs from an empty folder without npm, and writes nothing where it is installed."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.packaging.wheels import built_release, differences_from_git, run_and_read

pytestmark = pytest.mark.timeout(600)
SCRIPT = "#!{python}\nimport sys\nfrom passerelle.__main__ import main\nsys.exit(main())\n"


def test_the_wheel_holds_everything_and_runs(tmp_path: Path) -> None:
    wheel, source = built_release()
    assert {what: names for what, names in differences_from_git(wheel, source).items() if names} == {}
    release = install(wheel, tmp_path / "release")
    (tmp_path / "current").symlink_to(release)
    before = files_below(release)

    version = run_and_read(tmp_path / "current" / "bin" / "passerelle", tmp_path)

    assert files_below(release) == before
    assert version == json.loads(next(release.rglob("release.json")).read_text())["version"]
    assert_leaves_the_link(tmp_path)


def install(wheel: Path, folder: Path) -> Path:
    """Make an environment with the wheel, and the packages of that of the tests; nobody may write there."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [site] = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    [ours] = {path for path in sys.path if path.endswith("site-packages")}
    (site / "packages.pth").write_text(f"{ours}\n")
    script = folder / "bin" / "passerelle"
    script.write_text(SCRIPT.format(python=folder / "bin" / "python"))
    script.chmod(0o755)
    subprocess.run(["chmod", "-R", "a-w", str(site)], check=True)
    return folder


def files_below(folder: Path) -> set[Path]:
    """Return what is there, but for the bytecode that Python itself keeps where root runs it."""
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


def assert_leaves_the_link(folder: Path) -> None:
    """What was started by the link to a release goes on in that release's folder, wherever the link leads later."""
    code = "import portal, sys; print(portal.__file__, sys.prefix)"
    command = [str(folder / "current" / "bin" / "python"), "-m", "passerelle", "manage", "shell", "-c", code]
    environment = {"PATH": str(folder), "HOME": str(folder), "EMBEDDED": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert str(folder / "release") in done.stdout
    assert str(folder / "current") not in done.stdout
