"""What programs leave out of their memory."""

import gc
import subprocess
import sys
from pathlib import Path

from celery.signals import worker_before_create_process


def test_rendering_processes_import_nothing_heavy_with_the_web_servers_module(repository: Path) -> None:
    code = "import sys, portal.serve, passerelle.__main__; print({'django', 'granian', 'celery'} & sys.modules.keys())"

    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_children_of_a_worker_do_not_copy_what_it_has_loaded() -> None:
    gc.unfreeze()
    worker_before_create_process.send(sender=None)

    assert gc.get_freeze_count() > 100_000
