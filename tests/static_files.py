"""The static files as in production, hashed and compressed: collected once for all workers, since it takes long."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLLECT = "import django; django.setup(); from portal import preparation; preparation.collect_static_files(print)"


def collected_in() -> Path:
    """Return a `VAR_DIR` where the portal found them once, with the stamp that says so; they are in its `static`."""
    folder = Path(os.environ["TEST_FOLDER"]) / "collected"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the others wait for whoever comes first
        if not (folder / "static.stamp").exists():
            given = {"EMBEDDED": "1", "DJANGO_SETTINGS_MODULE": "portal.settings", "VAR_DIR": str(folder)}
            given |= {"DATABASE_URL": f"sqlite:///{folder}/db.sqlite3", "GATEWAY_URL": "http://127.0.0.1:1"}
            environment = {**os.environ, **given}
            environment.pop("REDIS_URL", None)
            subprocess.run([sys.executable, "-c", COLLECT], cwd=ROOT, env=environment, check=True, capture_output=True)
    return folder
