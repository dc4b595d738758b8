"""PostgreSQL and Redis of the suite: started on free loopback ports, deleted with their folder."""

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.ports import free_port, is_listening
from tests.waiting import wait_until

START_TIMEOUT_S = 120  # a portal loads all of itself before it listens; busy machines take long
STOP_TIMEOUT_S = 60
ROOT = Path(__file__).resolve().parent.parent


def postgres_programs() -> Path | None:
    """Return the folder of initdb and postgres, the newest version first; Debian keeps them off the path."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True
    )
    on_path = shutil.which("initdb")
    candidates = [*folders, *([Path(on_path).parent] if on_path else [])]
    return next((folder for folder in candidates if (folder / "initdb").exists()), None)


class Server:
    """A program that listens on a port, with a folder that lives as long as it does."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"passerelle-{type(self).__name__.lower()}-"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def pid(self) -> int:
        """The number of the process that was started."""
        if self._process is None:
            raise ProcessLookupError(f"{type(self).__name__} was not started")
        return self._process.pid

    def start(self) -> None:
        """Start the program, for the first time or again, and wait until it answers."""
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd="/",
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._has_started, START_TIMEOUT_S)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Let the program end; its folder stays for the next start."""
        if self._process:
            self._process.send_signal(how)  # nothing where it has ended
            try:
                self._process.wait(STOP_TIMEOUT_S)
            finally:
                self._process.kill()

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self) -> None:
        """Make what the program needs before its first start."""

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return the program's environment."""
        return dict(os.environ)

    def is_ready(self) -> bool:
        """Say whether the program answers; it may listen before it does."""
        return is_listening(self.port)

    def _has_started(self) -> bool:
        if self._process and self._process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text())
        return self.is_ready()


class Together:
    """Programs that start and end with its `with`: `begin` enters them into `stack`."""

    def __init__(self) -> None:
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self.begin()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def begin(self) -> None:
        """Start them."""
        raise NotImplementedError


class Postgres(Server):
    """A cluster of its own; anybody on this machine may come in, as `passerelle`.

    It is as another left its folder, or, in a run of the tests, has the tables of a new portal unless it `is_empty`.
    """

    def __init__(self, port: int | None = None, *, left: Path | None = None, is_empty: bool = False) -> None:
        super().__init__(port)
        self._left = left
        self._is_empty = is_empty or "TEST_FOLDER" not in os.environ

    @property
    def url(self) -> str:
        return f"postgresql://passerelle@127.0.0.1:{self.port}/postgres"

    def prepare(self) -> None:
        """Make the cluster, as the user postgres where we are root, whom it refuses."""
        programs = postgres_programs()
        assert programs, "PostgreSQL is not there"
        self._programs = programs
        if os.getuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        (self.folder / "log").touch()
        left = self._left or (None if self._is_empty else migrated_cluster())
        if left:
            subprocess.run(["cp", "-a", str(left / "data"), str(self.folder)], check=True)
            return
        arguments = ["-D", str(self.folder / "data"), "-U", "passerelle", "-A", "trust", "-E", "UTF8", "--no-sync"]
        command = [*self._as_postgres(), str(programs / "initdb"), *arguments, "--locale=C.UTF-8"]
        subprocess.run(command, cwd="/", check=True, capture_output=True)

    def command(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
        }
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [*self._as_postgres(), str(self._programs / "postgres"), "-D", str(self.folder / "data"), *settings]

    def is_ready(self) -> bool:
        """Ask with PostgreSQL's own program: it listens before it has come up."""
        asked = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def _as_postgres(self) -> list[str]:
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        return become if os.getuid() == 0 else []


def migrated_cluster() -> Path:
    """Return the folder of a cluster with our tables; whoever comes first in a run of the tests makes it.

    The migrations take five seconds of the processor.
    """
    folder = Path(os.environ["TEST_FOLDER"]) / "migrated-cluster"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with Postgres(is_empty=True) as server, tempfile.TemporaryDirectory() as data:
                given = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
                given |= {"EMBEDDED": "1", "VAR_DIR": data, "DATABASE_URL": server.url}
                command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
                subprocess.run(command, cwd=ROOT, env=given, check=True, capture_output=True)
                server.stop()
                server.folder.rename(folder)
    return folder


class Redis(Server):
    """An empty Redis that writes nothing to disk."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        where = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder), "--databases", "64"]
        return ["redis-server", *where, "--save", "", "--appendonly", "no"]
