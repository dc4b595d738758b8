"""A Python process with the libraries of the code examples loaded: programs run in forks of it.

A client library takes seconds to read, and each of dozens of snippets would read it anew. Each program has a module, a
folder, an environment, an output and an end of its own; of others it finds only libraries that are read already.
"""

import atexit
import json
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

WARM = """
import ast, importlib, json, os, runpy, signal, sys, traceback, warnings

def libraries_of(code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module

def run(job):
    for number, place in ((0, os.devnull), (1, job["out"]), (2, job["errors"])):
        os.dup2(os.open(place, os.O_RDWR | os.O_CREAT), number)
    signal.alarm(job["timeout_s"])
    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    sys.path.insert(0, job["folder"])
    sys.argv = [job["program"]]
    status = 0
    try:
        runpy.run_path(job["program"], run_name="__main__")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if status and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)

answers = os.fdopen(os.dup(1), "w")
for line in sys.stdin:
    job = json.loads(line)
    with open(os.path.join(job["folder"], job["program"]), encoding="utf-8") as file:
        names = list(libraries_of(file.read()))
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:
            pass  # the program says so itself
    pid = os.fork()
    if not pid:
        run(job)
    answers.write(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])) + "\\n")
    answers.flush()
"""


@cache
def _warm() -> subprocess.Popen[str]:
    """Start it, once a worker; it ends with the worker, whose end of the pipe closes."""
    home = tempfile.mkdtemp(prefix="warm-python-")
    command = [sys.executable, "-I", "-c", WARM]
    environment = {"PATH": "", "HOME": home, "LANG": "C.UTF-8"}
    process = subprocess.Popen(
        command, cwd=home, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(process.kill)
    return process


def run_warm(program: str, folder: Path, environment: dict[str, str], timeout_s: int) -> tuple[int, str, str]:
    """Run a program that lies in `folder`; return its status, its output and what it said of errors."""
    warm = _warm()
    assert warm.stdin
    assert warm.stdout
    with tempfile.TemporaryDirectory(prefix="said-") as said:
        out, errors = Path(said, "out"), Path(said, "errors")
        reported = {"program": program, "folder": str(folder), "environment": environment, "timeout_s": timeout_s}
        warm.stdin.write(json.dumps(reported | {"out": str(out), "errors": str(errors)}) + "\n")
        warm.stdin.flush()
        status = int(warm.stdout.readline())
        return status, out.read_text(encoding="utf-8"), errors.read_text(encoding="utf-8")
