"""LOG_LEVEL in any spelling, and secrets never in the log."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from portal.log import OUR_PACKAGES
from tests.ports import free_port

SECRET = "sk-Zq4VtB8mXc1NhJy6RwKe9SgLd3PaFu7T"
TALKATIVE = """
import logging, os
import django
django.setup()
import requests
from celery import current_app
from django.db import connection
secret = os.environ["ITS_SECRET"]
with connection.cursor() as cursor:
    cursor.execute("SELECT %s", [secret])
try:
    requests.get(os.environ["NOBODY"] + "/key/info?key=" + secret, headers={"Authorization": "Bearer " + secret})
except requests.ConnectionError:
    pass
current_app.send_task("keys.sweep", [secret], queue="nowhere")
for name in ("celery.worker.strategy", "kombu.pidbox", "oauthlib.oauth2", "psycopg.pool", "environ"):
    logging.getLogger(name).debug("all of it: %s", secret)
logging.getLogger("keys.services").debug("a line of ours")
"""


def test_the_level_is_that_of_all_our_apps(repository: Path) -> None:
    assert {app for app in settings.INSTALLED_APPS if (repository / app).is_dir()} == set(OUR_PACKAGES)


def run(repository: Path, folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "EMBEDDED": "1", "VAR_DIR": str(folder), **variables}
    environment |= {"DJANGO_SETTINGS_MODULE": "portal.settings", "ITS_SECRET": SECRET}
    environment |= {"NOBODY": f"http://127.0.0.1:{free_port()}"}
    return subprocess.run(
        [sys.executable, *command], cwd=repository, env=environment, capture_output=True, text=True, timeout=60
    )


def test_debug_shows_our_lines_and_no_secret(repository: Path, tmp_path: Path) -> None:
    done = run(repository, tmp_path, "-c", TALKATIVE, LOG_LEVEL="debug", DEBUG="1")

    assert done.returncode == 0, done.stderr
    assert "DEBUG keys.services a line of ours" in done.stderr
    assert SECRET not in done.stderr + done.stdout


def test_each_line_is_a_json_object_without_a_secret(repository: Path, tmp_path: Path) -> None:
    done = run(repository, tmp_path, "-c", TALKATIVE, LOG_LEVEL="debug", LOG_FORMAT="json")

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert ("DEBUG", "keys.services", "a line of ours") in {
        (line["level"], line["logger"], line["message"]) for line in lines
    }
    assert SECRET not in done.stderr + done.stdout


@pytest.mark.parametrize("level", ["verbose", "10", "warn"])
def test_an_unknown_level_is_one_line_with_the_choices(repository: Path, tmp_path: Path, level: str) -> None:
    done = run(repository, tmp_path, "manage.py", "check", LOG_LEVEL=level)

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line == "Not started: LOG_LEVEL is one of DEBUG, INFO, WARNING, ERROR, CRITICAL."
