"""Where the application is, and where it may write. Imported before the settings: knows none.

In a checkout it writes below `var/`. An installed wheel has `release.json`, and nothing there is written (ADR 53).
"""

import os
from pathlib import Path
from typing import Final

BASE_DIR: Final = Path(__file__).resolve().parent.parent
RELEASE_FILE: Final = BASE_DIR / "release.json"  # written by hatch_build.py
INSTALLED: Final = RELEASE_FILE.is_file()
COLLECTED_STATIC: Final = str(BASE_DIR / "collected") if INSTALLED else ""


def default_var_dir() -> str:
    """Return the folder to write to where VAR_DIR is not set; the current user's own, for an installed wheel."""
    if not INSTALLED:
        return str(BASE_DIR / "var")
    state = os.environ.get("XDG_STATE_HOME", "")
    home = os.path.expanduser("~")  # unchanged for a user without one: a container may run as any number
    if not os.path.isabs(state):
        state = os.path.join(home, ".local", "state") if os.path.isabs(home) else "/var/lib"
    return os.path.join(state, "passerelle")
