"""The version of the portal. Imported before the settings: knows none."""

import json
import subprocess
import tomllib
from functools import cache

from portal.folders import BASE_DIR, INSTALLED, RELEASE_FILE


@cache
def version() -> str:
    """Return "0.1.0" of a release, else with the commit, where it is known: "0.1.0+1a2b3c4d"."""
    if INSTALLED:
        return str(json.loads(RELEASE_FILE.read_text(encoding="utf-8"))["version"])
    project = tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    commit = _commit()
    return f"{project['version']}+{commit}" if commit else str(project["version"])


def _commit() -> str:
    """Return the commit of the checkout; nothing where there is no git, or none that may look into it."""
    command = ["git", "-C", str(BASE_DIR), "rev-parse", "--short=8", "HEAD"]
    if not (BASE_DIR / ".git").exists():
        return ""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
