"""Overload of the machine: processes that only compute."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

BURN: Final = "import sys, time\nend = time.time() + float(sys.argv[1])\nwhile time.time() < end: pass"


@contextmanager
def busy(processes: int, seconds: float, *, niceness: int = 19) -> Iterator[None]:
    """Keep so many processes computing during the `with`."""
    command = ["nice", "-n", str(niceness), sys.executable, "-c", BURN, str(seconds)]
    burners = [subprocess.Popen(command) for _ in range(processes)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
