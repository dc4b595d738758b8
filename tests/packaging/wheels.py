"""Builds the wheel, compares it with git, and runs an installed one: for the tests and `make release`."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psutil
import requests

from portal.components import APPS
from tests.ports import free_port
from tests.waiting import wait_until

REPOSITORY: Final = Path(__file__).resolve().parent.parent.parent
READY_TIMEOUT_S: Final = 240
END_TIMEOUT_S: Final = 60
PACKAGE: Final = {"passerelle/__init__.py", "passerelle/__main__.py"}


def build(folder: Path, environment: Mapping[str, str]) -> tuple[Path, Path]:
    """Return wheel and source distribution, built from the checkout without asking a registry."""
    command = [
        sys.executable,
        "-m",
        "uv",
        "build",
        "--quiet",
        "--offline",
        "--wheel",
        "--sdist",
        "--no-build-isolation",
    ]
    where = ["--python", sys.executable, "--out-dir", str(folder), "."]
    subprocess.run([*command, *where], cwd=REPOSITORY, env=dict(environment), check=True)
    [wheel], [source] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


def built_release() -> tuple[Path, Path]:
    """Return wheel and source distribution, built by the first that asks in a run of the tests, in half a minute."""
    folder = Path(os.environ["TEST_FOLDER"]) / "dist"
    with folder.with_suffix(".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not folder.exists():
            part = folder.with_name("dist.part")
            build(part, os.environ)
            part.rename(folder)
    [wheel], [source] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


def differences_from_git(wheel: Path, source: Path) -> dict[str, set[str]]:
    """Return the names of files that are wrong in wheel or source distribution, by what is wrong with them."""
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    known = set(listed.split("\n")) - {""}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    app = {name.removeprefix("passerelle/app/") for name in names if name.startswith("passerelle/app/")}
    made = {name for name in app if name == "release.json" or name.startswith("collected/") or name.endswith(".mo")}
    needed = {name for name in APPS if "." not in name} | {"deploy", "templates", "sandbox"}
    with tarfile.open(source) as sources:
        inside = {name.partition("/")[2] for name in sources.getnames()}
    return {
        "outside of the application": names - {f"passerelle/app/{name}" for name in app} - PACKAGE,
        "not known to git": app - made - known,
        "left out": {name for name in known if name.split("/")[0] in needed} - app,
        "of the build alone": {name for name in app if "node_modules" in name or name.endswith((".map", ".po"))},
        "not known to git, in the sources": inside - known - {"PKG-INFO"},
        "not made": {"release.json", "locale/fr/LC_MESSAGES/django.mo", "collected/staticfiles.json"} - made,
    }


def run_and_read(command: Path, folder: Path) -> str:
    """Start `passerelle run` in an empty folder, read a page and a style sheet, end it; return its version.

    There is no npm on its path, and nothing of this checkout.
    """
    port, log = free_port(), folder / "log"
    for name in ("bin", "empty"):
        (folder / name).mkdir(exist_ok=True)
    environment = {"PATH": str(folder / "bin"), "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
    environment |= {"PORT": str(port), "SANDBOX_PORT": str(free_port())}
    with log.open("wb") as output:
        process = psutil.Popen(
            [str(command), "run"],
            cwd=folder / "empty",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: "Passerelle is ready" in log.read_text() or process.poll() is not None, READY_TIMEOUT_S)
        assert process.poll() is None, log.read_text()
        version = _read(f"http://127.0.0.1:{port}")
        process.send_signal(signal.SIGTERM)
        process.wait(END_TIMEOUT_S)
    finally:
        for each in [*process.children(recursive=True), process] if process.is_running() else []:
            each.kill()
    assert list((folder / "empty").iterdir()) == []
    assert (folder / "state" / "passerelle" / "sandbox" / "db.sqlite3").exists()
    return version


def _read(url: str) -> str:
    """Read the sign-in page in French, and its style sheet; return the version at the foot of the page."""
    page = requests.get(f"{url}/account/login/", headers={"Accept-Language": "fr"}, timeout=30)
    assert page.status_code == 200
    assert "Mot de passe" in page.text
    version = str(requests.get(f"{url}/healthz/live", timeout=30).json()["version"])
    assert f"Passerelle {version}" in page.text
    style = re.search(r'href="(/static/css/palette\.\w+\.css)"', page.text)
    assert style
    answer = requests.get(url + style[1], headers={"Accept-Encoding": "br"}, timeout=30)
    assert (answer.status_code, answer.headers["Content-Encoding"]) == (200, "br")
    assert "immutable" in answer.headers["Cache-Control"]
    return version
