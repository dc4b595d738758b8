"""What people see while PostgreSQL or Redis restarts, hangs or is away: pages and a stream on two nodes, as a table.

`python -m bench.faults [--seconds 60]`; a row is a fault, a column a page: the statuses, and the slowest answer. On
each node an answer of the Playground streams from before the fault until its end: how much of it came.
"""

import argparse
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import django
import requests
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from bench.stream_people import MODEL, SEND, question  # noqa: E402
from bench.stream_reading import PORTAL, corruption_of, stream_address  # noqa: E402
from tests.faults.site import Seen, Site, Visitor, away, frozen  # noqa: E402  (needs the apps)
from tests.keys.views.pages import field_in  # noqa: E402
from tests.sandbox_process import Sandbox  # noqa: E402
from tests.servers import Server  # noqa: E402

PAGES: Final = {
    "sign-in": "/account/login/",
    "My keys": "/",
    "Usage, everyone": "/usage/everyone/",
    "Playground": "/playground/",
    "readiness": "/healthz/ready",
}
REFRESH: Final = "Refresh (POST)"
STREAM: Final = "open stream"
WORDS_A_SECOND: Final = 10
PAUSE_S: Final = 0.2  # between two pages of a visitor
BACK_S: Final = 60
READ_S: Final = 90


@contextmanager
def nothing(server: Server) -> Iterator[None]:
    """Leave everything as it is."""
    yield


@contextmanager
def restarted(server: Server) -> Iterator[None]:
    """Stop a server, and start it at once."""
    with away(server):
        pass
    yield


FAULTS: Final[dict[str, tuple[str, Callable[[Server], AbstractContextManager[None]]]]] = {
    "no fault": ("redis", nothing),
    "PostgreSQL restarted": ("postgres", restarted),
    "PostgreSQL frozen": ("postgres", frozen),
    "PostgreSQL away": ("postgres", away),
    "Redis restarted": ("redis", restarted),
    "Redis frozen": ("redis", frozen),
    "Redis away": ("redis", away),
}


class Load:
    """Visitors of each node who load one page after the other until stopped, and one who reads a long answer."""

    def __init__(self, site: Site, seconds: float) -> None:
        self.seen: dict[str, list[Seen]] = {name: [] for name in (*PAGES, REFRESH)}
        self.streams: list[str] = []
        self._words = int(seconds * WORDS_A_SECOND)
        self._is_over = threading.Event()
        self._have_begun = threading.Barrier(len(site.nodes) + 1)
        self._threads, self._readers = [], []
        for node in site.nodes:
            admin, intern = Visitor(site.admin), requests.Session()
            intern.cookies.set(settings.SESSION_COOKIE_NAME, site.intern)
            form = admin.get(node.url + "/usage/everyone/").text  # while everything works
            self._threads.append(threading.Thread(target=self._visit, args=(admin, node.url, form)))
            self._readers.append(threading.Thread(target=self._read, args=(intern, node.url)))

    def __enter__(self) -> "Load":
        for reader in self._readers:
            reader.start()
        self._have_begun.wait(READ_S)
        for thread in self._threads:
            thread.start()
        return self

    def _read(self, intern: requests.Session, url: str) -> None:
        page = intern.get(url + "/playground/", timeout=READ_S).text
        fields = {
            "csrfmiddlewaretoken": field_in(page, "csrfmiddlewaretoken"),
            "model": MODEL,
            "message": question(self._words, 1000 // WORDS_A_SECOND),
        }
        headers = {"Accept": "text/html, text/event-stream", "HX-Request": "true", "HX-Request-Type": "partial"}
        headers["Referer"] = url + "/playground/"
        body = b""
        try:
            sent = intern.post(url + SEND, fields, headers=headers, timeout=READ_S)
            stream = url + stream_address(sent.content)
            with intern.get(stream, headers=headers, stream=True, timeout=READ_S) as answer:
                for piece in answer.iter_content(None):
                    if not body:
                        self._have_begun.wait(READ_S)
                    body += piece
        except requests.RequestException as error:
            self.streams.append(type(error).__name__)
        lost = corruption_of(PORTAL.text(body), self._words).lost
        if lost == self._words:
            sys.stderr.write(f"a stream without a word: {body.decode()}\n")
        self.streams.append(f"all {self._words} words" if not lost else f"{lost} of {self._words} words lost")

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in (*self._threads, *self._readers):
            thread.join()

    def _visit(self, admin: Visitor, url: str, form: str) -> None:
        stranger = Visitor()
        while not self._is_over.is_set():
            for name, path in PAGES.items():
                visitor = stranger if name in ("sign-in", "readiness") else admin
                self.seen[name].append(visitor.get(url + path))
                time.sleep(PAUSE_S)
            self.seen[REFRESH].append(admin.post(url + "/usage/refresh/", form))


def cell(seen: list[Seen]) -> str:
    """Return the statuses, their counts, and the slowest response."""
    counts = Counter(page.status for page in seen)
    said = ", ".join(f"{status or 'none'} × {count}" for status, count in sorted(counts.items()))
    return f"{said}; {max(page.took_s for page in seen):.1f} s" if seen else "not asked"


def settled(site: Site) -> None:
    """Wait until every node serves again."""
    until = time.monotonic() + BACK_S
    while time.monotonic() < until:
        if all(Visitor(site.admin).get(node.url + "/").status == 200 for node in site.nodes):
            return
        time.sleep(PAUSE_S)
    raise RuntimeError("a node did not come back")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of each fault")
    seconds = parser.parse_args().seconds
    columns: dict[str, dict[str, str]] = {}
    with Sandbox() as sandbox, Site(sandbox, nodes=2) as site:
        for fault, (name, hit) in FAULTS.items():
            settled(site)
            began = time.monotonic()
            with Load(site, seconds) as load, hit(getattr(site, name)):
                time.sleep(max(0, seconds - (time.monotonic() - began)))
            columns[fault] = {page: cell(seen) for page, seen in load.seen.items()}
            columns[fault][STREAM] = "; ".join(sorted(load.streams))
            sys.stderr.write(f"{fault}: {columns[fault]}\n")
        logs = "".join(node.said() for node in site.nodes)
    names = (*PAGES, REFRESH, STREAM)
    lines = [
        f"{seconds:.0f} s each, load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores, "
        f"{logs.count('Traceback')} tracebacks in the logs",
        "",
        f"| | {' | '.join(names)} |",
        "|---" * (len(names) + 1) + "|",
        *(f"| {fault} | {' | '.join(cells[page] for page in names)} |" for fault, cells in columns.items()),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
