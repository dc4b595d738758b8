"""The portal's settings for the tests: embedded, cheap passwords, a folder of their own.

The folder is in memory where there is room: SQLite and the servers wait for no disk. All that is temporary goes there.

`TEST_DATABASE=postgres` and `TEST_REDIS=1` put servers in place of SQLite and of the files, at addresses chosen here;
tests/conftest.py starts them. Each worker of pytest-xdist imports this anew and inherits the environment of the first.
"""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.ports import free_port

IN_MEMORY, ROOM_BYTES = "/dev/shm", 4 * 2**30


def has_room(folder: str) -> bool:
    """Say whether the tests may write there."""
    return os.access(folder, os.W_OK | os.X_OK) and shutil.disk_usage(folder).free > ROOM_BYTES


# What is set for a portal in the same terminal is not for the tests.
for name in (
    "DEBUG",
    "GATEWAY_URL",
    "GATEWAY_ADMIN_KEY",
    "GATEWAY_PUBLIC_URL",
    "PLAYGROUND_KEY_SECRET",
    "PORTAL_URL",
    "SECRET_KEY",
    "OIDC_ISSUER",
):
    os.environ.pop(name, None)
for name in (
    "DATABASE_URL",
    "LANGUAGE_CODE",
    "REDIS_URL",
    "SIGNUP_OPEN",
    "STATIC_ROOT",
    "TIME_ZONE",
    "TRUSTED_PROXY_COUNT",
    "EMAIL_URL",
):
    os.environ.pop(name, None)
os.environ["EMBEDDED"] = "1"
if "pytest" not in sys.modules:  # mypy reads the settings too, and ends without cleaning up
    os.environ.setdefault("TEST_FOLDER", str(Path(__file__).parent.parent / "var" / "lint"))
if "TEST_FOLDER" not in os.environ:
    folder = tempfile.mkdtemp(prefix="passerelle-tests-", dir=IN_MEMORY if has_room(IN_MEMORY) else None)
    os.environ["TEST_FOLDER"] = os.environ["TMPDIR"] = tempfile.tempdir = folder
    os.chmod(folder, 0o711)  # PostgreSQL runs as another user
    atexit.register(shutil.rmtree, os.environ["TEST_FOLDER"], ignore_errors=True)
os.environ["VAR_DIR"] = os.path.join(os.environ["TEST_FOLDER"], os.environ.get("PYTEST_XDIST_WORKER", "main"))
if os.environ.get("TEST_DATABASE") == "postgres":
    port = os.environ.setdefault("TEST_DATABASE_PORT", str(free_port()))
    os.environ["DATABASE_URL"] = f"postgresql://passerelle@127.0.0.1:{port}/postgres"
if os.environ.get("TEST_REDIS"):
    port = os.environ.setdefault("TEST_REDIS_PORT", str(free_port()))
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")  # a database of its own for each
    os.environ["REDIS_URL"] = f"redis://127.0.0.1:{port}/{worker}"

from portal.settings import *  # noqa: E402, F403  (the environment must be set first)
from portal.settings import (  # noqa: E402
    CACHES,
    CELERY_BROKER_TRANSPORT_OPTIONS,
    DATABASES,
    STATIC_ROOT,
    STORAGES,
    VAR_DIR,
)

if "postgresql" not in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["CONN_MAX_AGE"] = 0  # threads of tests end, and nobody would close theirs
    DATABASES["default"]["TEST"] = {"NAME": str(Path(VAR_DIR) / "test.sqlite3")}  # a file, so that threads share it
CACHES["default"].pop("KEY_PREFIX", None)  # a worker of the tests has a gateway by name, and reads the same
CELERY_BROKER_TRANSPORT_OPTIONS.pop("global_keyprefix", None)
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
