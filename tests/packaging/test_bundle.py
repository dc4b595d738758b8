"""A bundle is installed without a network, by its script; what was changed on the way is refused."""

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

RELEASE, LIBRARY = "passerelle-9.1.0-py3-none-any.whl", "apart-1.0-py3-none-any.whl"


def write_wheel(file: Path, text: str) -> str:
    """Write a wheel with one module, and return its digest."""
    name, version, *_ = file.name.split("-")
    files = {
        f"{name}.py": text,
        f"{name}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{name}-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{name}-{version}.dist-info/RECORD"
    lines = []
    for each, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{each},sha256={digest},{len(content)}\n")
    with zipfile.ZipFile(file, "w") as archive:
        for each, content in {**files, record: "".join([*lines, f"{record},,\n"])}.items():
            archive.writestr(each, content)
    return hashlib.sha256(file.read_bytes()).hexdigest()


def run(*command: str, **given: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, **given}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd="/", timeout=120)


def bundle(folder: Path, repository: Path, packages: Path) -> "subprocess.CompletedProcess[str]":
    """Make a bundle in this folder, of the release there, with packages of another one."""
    arguments = [str(folder / RELEASE), str(folder / "requirements.txt"), "--output", str(folder)]
    command = [sys.executable, str(repository / "manage.py"), "bundle", *arguments]
    return run(*command, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(packages))


def without_network() -> list[str]:
    """Return what starts a program that sees no network, where this user may do so."""
    alone = ["unshare", "--net", "--map-root-user"]
    return alone if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode == 0 else []


def test_a_bundle_is_installed_without_a_network_unless_it_was_changed(tmp_path: Path, repository: Path) -> None:
    index = tmp_path / "index"
    index.mkdir()
    digest = write_wheel(index / LIBRARY, "word = 'works'\n")
    write_wheel(tmp_path / RELEASE, "from apart import word\n")
    (tmp_path / "requirements.txt").write_text(f"apart==1.0 --hash=sha256:{digest}\n")

    made = bundle(tmp_path, repository, index)

    assert made.returncode == 0, made.stderr
    (index / LIBRARY).unlink()
    subprocess.run(["tar", "xf", tmp_path / "passerelle-9.1.0-bundle.tar", "-C", tmp_path], check=True)
    script = str(tmp_path / "passerelle-9.1.0-bundle" / "install.sh")
    done = run(*without_network(), script, str(tmp_path / "release").removeprefix("/"))  # from /
    assert done.returncode == 0, done.stderr
    found = run(str(tmp_path / "release" / "bin" / "python"), "-c", "import passerelle; print(passerelle.word)")
    assert found.stdout == "works\n"

    again = run(script, str(tmp_path / "release"))
    assert (again.returncode, "is there" in again.stderr) == (1, True)
    other = write_wheel(tmp_path / "passerelle-9.1.0-bundle" / "packages" / LIBRARY, "word = 'spies'\n")
    changed = run(script, str(tmp_path / "other"))
    assert (changed.returncode, LIBRARY in changed.stdout + changed.stderr) == (1, True)
    sums = tmp_path / "passerelle-9.1.0-bundle" / "SHA256SUMS"
    sums.write_text(sums.read_text().replace(digest, other))
    changed = run(script, str(tmp_path / "other"))  # which the lock refuses, half-way
    assert (changed.returncode, "Nothing was installed" in changed.stderr) == (1, True)
    assert not (tmp_path / "other").exists()


def test_packages_that_are_not_those_of_the_lock_make_no_bundle(tmp_path: Path, repository: Path) -> None:
    write_wheel(tmp_path / LIBRARY, "word = 'spies'\n")
    write_wheel(tmp_path / RELEASE, "from apart import word\n")
    (tmp_path / "requirements.txt").write_text(f"apart==1.0 --hash=sha256:{'0' * 64}\n")

    made = bundle(tmp_path, repository, tmp_path)

    assert made.returncode == 1
    assert "pip cannot get the packages" in made.stderr
    assert list(tmp_path.glob("*.tar")) == []
