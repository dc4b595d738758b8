"""The wheel: it holds everything, runs from an empty folder without npm, and writes nothing where it is installed."""

import json
import re
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import psutil
import pytest
import requests

from portal.components import APPS
from tests.ports import free_port
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
READY_TIMEOUT_S = 240
END_TIMEOUT_S = 60
SCRIPT = "#!{python}\nimport sys\nfrom passerelle.__main__ import main\nsys.exit(main())\n"


def test_the_wheel_holds_everything_and_runs(tmp_path: Path, repository: Path) -> None:
    """One test, since the wheel is built once."""
    wheel, source = build(repository, tmp_path / "dist")
    assert_has_what_git_has(wheel, source, repository)
    release = install(wheel, tmp_path / "release")
    (tmp_path / "current").symlink_to(release)
    before = files_below(release)

    assert_runs(tmp_path / "current" / "bin" / "passerelle", tmp_path)

    assert files_below(release) == before
    assert_leaves_the_link(tmp_path)


def build(repository: Path, folder: Path) -> tuple[Path, Path]:
    """Return wheel and source distribution."""
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
    subprocess.run([*command, "--python", sys.executable, "--out-dir", str(folder), "."], cwd=repository, check=True)
    [wheel], [source] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


def assert_has_what_git_has(wheel: Path, source: Path, repository: Path) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, text=True, check=True).stdout
    known = set(listed.split("\n"))
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    app = {name.removeprefix("passerelle/app/") for name in names if name.startswith("passerelle/app/")}
    assert names - {f"passerelle/app/{name}" for name in app} == {"passerelle/__init__.py", "passerelle/__main__.py"}
    made = {name for name in app if name == "release.json" or name.startswith("collected/") or name.endswith(".mo")}
    assert app - made - known == set(), "not known to git"
    folders = {name for name in APPS if "." not in name} | {"deploy", "templates", "sandbox"}
    assert {name for name in known if name.split("/")[0] in folders} - app == set(), "left out"
    assert "locale/fr/LC_MESSAGES/django.mo" in made
    assert any(re.fullmatch(r"collected/css/palette\.\w+\.css\.br", name) for name in made)
    assert not any("node_modules" in name or name.endswith(".map") for name in made)
    with tarfile.open(source) as sources:
        inside = {name.partition("/")[2] for name in sources.getnames()}
    assert inside - known == {"PKG-INFO"}


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


def environment_of(folder: Path) -> dict[str, str]:
    """Return an environment without npm, and without any of our folders."""
    (folder / "bin").mkdir(exist_ok=True)
    return {"PATH": str(folder / "bin"), "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}


def assert_runs(command: Path, folder: Path) -> None:
    """Start `passerelle run` in an empty folder, read a page and a style sheet, and end it."""
    port, sandbox_port, log = free_port(), free_port(), folder / "log"
    ports = {"PORT": str(port), "SANDBOX_PORT": str(sandbox_port)}
    (folder / "empty").mkdir()
    with log.open("wb") as output:
        process = psutil.Popen(
            [str(command), "run"],
            cwd=folder / "empty",
            env=environment_of(folder) | ports,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: "Passerelle is ready" in log.read_text() or not process.is_running(), READY_TIMEOUT_S)
        assert "Passerelle is ready" in log.read_text(), log.read_text()
        assert_serves(f"http://127.0.0.1:{port}")
        process.send_signal(signal.SIGTERM)
        process.wait(END_TIMEOUT_S)
    finally:
        for child in [*process.children(recursive=True), process] if process.is_running() else []:
            child.kill()
    assert list((folder / "empty").iterdir()) == []
    assert (folder / "state" / "passerelle" / "sandbox" / "db.sqlite3").exists()


def assert_serves(url: str) -> None:
    page = requests.get(f"{url}/account/login/", headers={"Accept-Language": "fr"}, timeout=30)
    assert page.status_code == 200
    assert "Mot de passe" in page.text
    assert json.loads(requests.get(f"{url}/healthz/live", timeout=30).text)["version"] in page.text
    style = re.search(r'href="(/static/css/palette\.\w+\.css)"', page.text)
    assert style
    answer = requests.get(url + style[1], headers={"Accept-Encoding": "br"}, timeout=30)
    assert (answer.status_code, answer.headers["Content-Encoding"]) == (200, "br")
    assert "immutable" in answer.headers["Cache-Control"]


def assert_leaves_the_link(folder: Path) -> None:
    """What was started by the link to a release goes on in that release's folder, wherever the link leads later."""
    python = folder / "current" / "bin" / "python"
    command = [
        str(python),
        "-m",
        "passerelle",
        "manage",
        "shell",
        "-c",
        "import portal, sys; print(portal.__file__, sys.prefix)",
    ]
    done = subprocess.run(
        command, cwd=folder, env=environment_of(folder) | {"EMBEDDED": "1"}, capture_output=True, text=True, check=True
    )
    assert str(folder / "release") in done.stdout
    assert str(folder / "current") not in done.stdout
