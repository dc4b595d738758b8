"""A portal with a class about to get its keys: as in service, on PostgreSQL and Redis, with any gateway."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import requests

from bench.portal import Portal
from bench.stream_client import fetch
from bench.stream_people import Person
from bench.stream_watch import Postgres
from tests import servers

PAUSE_S: Final = 0.05  # between two pages of a reader
READ: Final = ("/", "/usage/", "/playground/")
_CALL_S: Final = 60
_SETTINGS: Final = {"TRUSTED_PROXY_COUNT": "1", "WEB_PROCESSES": "2"}  # people have IP addresses of their own


class Student(Person):
    """A browser that is signed in, with the page of a course."""

    async def get_key(self, path: str) -> tuple[float, str]:
        """Press *Get my key* on the open page; return the seconds, and "" or why there is none."""
        body = f"csrfmiddlewaretoken={self.token}".encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        response, seconds = await fetch(self.port, self.request("POST", path, headers, body))
        if response.status == 201 and b'id="keys-secret"' in response.body:
            return seconds, ""
        return seconds, str(response.status)


@dataclass(slots=True)
class ClassResult:
    """Seconds of each key and of each page, from the click; why there was no key."""

    keys_s: list[float] = field(default_factory=list)
    pages_s: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    all_after_s: float = 0.0  # after the first click


class CoursePortal(Portal):
    """Prepared and served within a `with`: an open course, its students signed in, and somebody who reads pages."""

    def __init__(self, *, students: int, gateway: tuple[str, str], **more: Any) -> None:
        super().__init__(facts=0, gateway_url=gateway[0], **more)
        self._gateway = gateway
        self._settings |= {**_SETTINGS, "GATEWAY_ADMIN_KEY": gateway[1]}
        self._number = students
        self.students: list[Student] = []
        self._class: dict[str, Any] = {}

    def prepare(self) -> None:
        """Create tables, people, and the course."""
        self._class = self.inside("classroom", self._number)
        *students, reader = self._class["cookies"]
        self.students = [Student(self.port, f"student-{n}", n, cookies=each) for n, each in enumerate(students)]
        self._reader = Student(self.port, "reader", self._number, cookies=reader)

    async def read(self, times: int) -> list[float]:
        """Open so many ordinary pages, one after the other; return the seconds of each."""
        return [await self._reader.visit(READ[number % len(READ)]) for number in range(times)]

    async def open_course(self) -> None:
        """Open the course's page in all browsers of students."""
        for student in self.students:
            await student.visit(self._class["page"])

    async def get_keys(self, within_s: float) -> ClassResult:
        """Let everybody get a key, the clicks spread evenly over so many seconds, while somebody reads."""
        result = ClassResult()
        began = time.monotonic()
        asking = asyncio.gather(*(self._one(student, result, within_s) for student in self.students))
        number = 0
        while not asking.done():
            result.pages_s.append(await self._reader.visit(READ[number % len(READ)]))
            number += 1
            await asyncio.sleep(PAUSE_S)
        await asking
        result.all_after_s = max(await asking) - began
        return result

    async def _one(self, student: Student, result: ClassResult, within_s: float) -> float:
        """Get a key at one's own time; return when it came."""
        await asyncio.sleep(within_s * student.number / len(self.students))
        seconds, why = await student.get_key(self._class["get_key"])
        if why:
            result.refused.append(why)
        else:
            result.keys_s.append(seconds)
        return time.monotonic()

    def keys_at_gateway(self) -> int:
        """Return how many keys the course's team has."""
        query = {"team_id": self._class["team"], "size": "1"}
        return int(self._call("GET", "/key/list", params=query)["total_count"])

    def leave(self) -> None:
        """Delete what was made at the gateway: a team with its keys, and the one by which the portal knows it."""
        if self._class:
            self._call("POST", "/team/delete", json={"team_ids": [self._class["marker"]]})
            self._call("POST", "/team/delete", json={"team_ids": [self._class["team"]]}, missing_ok=True)

    def _call(self, method: str, path: str, *, missing_ok: bool = False, **more: Any) -> Any:
        url, admin_key = self._gateway
        headers = {"Authorization": f"Bearer {admin_key}"}
        answer = requests.request(method, url + path, headers=headers, timeout=_CALL_S, **more)
        if not (missing_ok and answer.status_code == 404):
            answer.raise_for_status()
        return answer.json()


@contextmanager
def classroom(students: int, gateway_url: str, admin_key: str) -> Iterator[CoursePortal]:
    """Serve a portal on servers of its own; what it has made at the gateway is deleted in the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="passerelle-bench-")))
        database_url = stack.enter_context(servers.Postgres()).url
        portal = CoursePortal(
            students=students,
            gateway=(gateway_url, admin_key),
            static_root=folder,
            database_url=database_url,
            redis_url=stack.enter_context(servers.Redis()).url,
        )
        stack.callback(portal.leave)
        stack.enter_context(portal)
        Postgres(database_url).analyze()
        yield portal
