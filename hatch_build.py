"""The build of the wheel: static files from npm and ours, compiled translations, and all below `passerelle/app/`.

Only here is npm needed. ADR 53 says why the application is below one package.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

APP = "passerelle/app"
PRIVATE = ("deploy/compose/.env", "deploy/compose/secrets/")  # an operator's own


class CustomBuildHook(BuildHookInterface[Any]):
    """Adds to the wheel what is no source file of the package `passerelle`."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what the build needs: npm from a wheel, where the machine has none."""
        return [] if shutil.which("npm") else [self.config["npm-wheel"]]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Prepare everything in a temporary folder, and name it for the wheel."""
        if version == "editable":  # the checkout's own folders are used
            return
        root = Path(self.root)
        self._folder = Path(tempfile.mkdtemp(prefix="passerelle-build-"))
        self._install_from_npm(root)
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "EMBEDDED": "1",
            "VAR_DIR": str(self._folder / "var"),
            "STATIC_ROOT": str(self._folder / "collected"),
        }
        for command in (["compile_translations"], ["collectstatic", "--no-input", "--verbosity=0"]):
            subprocess.run([sys.executable, "manage.py", *command], cwd=root, env=environment, check=True)
        release = self._folder / "release.json"
        release.write_text(json.dumps({"version": self._version(root)}) + "\n", encoding="utf-8")
        included = {str(root / name): f"{APP}/{name}" for name in sources(root, self.config["application"])}
        included[str(self._folder / "collected")] = f"{APP}/collected"
        included[str(release)] = f"{APP}/release.json"
        build_data["force_include"].update(included)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary folder."""
        if version != "editable":
            shutil.rmtree(self._folder)

    def _install_from_npm(self, root: Path) -> None:
        """Run `npm ci`, unless what the lock file names is installed."""
        lock, installed = root / "package-lock.json", root / "node_modules" / ".package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            command = [str(root / "bin" / "npm"), "ci", "--omit=dev", "--loglevel=error"]
            subprocess.run(command, cwd=root, env=os.environ | {"PYTHON": sys.executable}, check=True)

    def _version(self, root: Path) -> str:
        """Return the version, with the commit where this is neither `make release` nor a source distribution."""
        number = str(self.metadata.version)
        if os.environ.get("PASSERELLE_RELEASE") or not (root / ".git").exists():
            return number
        command = ["git", "-C", str(root), "rev-parse", "--short=8", "HEAD"]
        return f"{number}+{subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()}"


def sources(root: Path, folders: list[str]) -> list[str]:
    """Return the files of the application: those that git knows, and the compiled translations."""
    if (root / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *folders]
        listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    else:  # the source distribution has no others
        paths = [path for each in folders for path in [root / each, *(root / each).rglob("*")]]
        listed = [str(path.relative_to(root)) for path in paths if "__pycache__" not in path.parts]
    texts = [str(path.relative_to(root)) for path in root.glob("locale/*/LC_MESSAGES/*.mo")]
    found = {name for name in [*listed, *texts] if name and (root / name).is_file() and name[-3:] != ".po"}
    return sorted(name for name in found if not name.startswith(PRIVATE))
