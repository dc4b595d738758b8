"""Passwords are hashed in every process, forks included."""

import os
import subprocess
import sys
from pathlib import Path

HASH_BEFORE_AND_AFTER_A_FORK = """
import os, signal
from django.conf import settings
settings.configure()
from accounts.hashers import PasswordHasher
hasher = PasswordHasher()
known = hasher.encode("a password", "some salt of it")
child = os.fork()
signal.alarm(60)  # seconds, then it ends
if not child:
    os._exit(0 if hasher.verify("a password", known) else 1)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_signing_in_works_in_a_process_forked_from_one_that_has_hashed(repository: Path) -> None:
    command = [sys.executable, "-c", HASH_BEFORE_AND_AFTER_A_FORK]
    done = subprocess.run(command, cwd=repository, env={**os.environ, "PYTHONPATH": "."}, check=False, timeout=100)

    assert done.returncode == 0
