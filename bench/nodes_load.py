"""What people do while nodes end: read answers, open pages, create and delete keys. What broke off is repeated."""

import asyncio
import re
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from bench.stream_client import Ask, fetch, run
from bench.stream_people import Person
from bench.stream_reading import PORTAL, Response, spoken_by_portal, stream_address

TOKENS, PACE_MS = 300, 50  # of an answer: 15 s
PAGES: Final = ("/", "/playground/", "/usage/", "/account/login/")
PAUSE_S: Final = 0.3  # between two pages of a reader
KEY_PAUSE_S: Final = 2.0
STAYING: Final = 3  # keys of each person that are not deleted
ENDS_WITHIN_S: Final = 240.0  # an answer whose process was killed is marked by a task of each minute
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_ROW: Final = r'/keys/([0-9a-f-]{36})/" data-row-name><bdi>%s<'  # of a key in the list


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without a proper answer; times by `time.monotonic`."""

    what: str
    status: int
    began: float
    ended: float


@dataclass(slots=True)
class Seen:
    """What came of all requests."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)  # sentences at the end of answers
    endless: list[str] = field(default_factory=list)  # addresses of answers
    cut: int = 0  # streams that broke off, and were opened again
    longest_end_s: float = 0.0  # from a break to the answer's end
    shown: set[str] = field(default_factory=set)  # labels of keys whose secret was shown, and that are to stay
    asked: set[str] = field(default_factory=set)  # labels of all keys

    def note(self, what: str, response: Response, began: float, expected: tuple[int, ...]) -> bool:
        """Count a response; return whether it is complete and as expected."""
        self.statuses[what, response.status] += 1
        is_fine = response.whole and response.status in expected
        if not is_fine:
            self.failures.append(Failure(what, response.status, began, time.monotonic()))
        return is_fine


async def attempt(person: Person, request: bytes) -> Response:
    """Return a response, an empty one where none came."""
    try:
        return (await fetch(person.port, request))[0]
    except (OSError, TimeoutError, ValueError):
        return Response()


async def read_stream(person: Person, address: str) -> Response:
    """Return a stream as far as it came; it is parsed at its end."""
    ask = Ask(port=person.port, request=person.stream_request(address), side=PORTAL, tokens=TOKENS)
    try:
        return (await run(ask)).result().response
    except OSError:
        return Response()


class Load:
    """People who go on until a moment."""

    def __init__(self, until: float) -> None:
        self.seen = Seen()
        self._until = until

    @property
    def goes_on(self) -> bool:
        """Whether something new is begun."""
        return time.monotonic() < self._until

    async def converse(self, person: Person) -> None:
        """Send one message after the other, and read each answer to its end."""
        while self.goes_on:
            began = time.monotonic()
            sent = await attempt(person, person.ask(TOKENS, PACE_MS).request)
            if self.seen.note("send", sent, began, (200,)):
                await self._read(person, stream_address(sent.body))
            else:
                await asyncio.sleep(PAUSE_S)

    async def _read(self, person: Person, address: str) -> None:
        """Read an answer; open its stream again when it breaks off, as the page does."""
        broke_at = 0.0
        began = time.monotonic()
        while time.monotonic() - began < ENDS_WITHIN_S:
            response = await read_stream(person, address)
            sentence = spoken_by_portal(response.body) if response.status == 200 else ""
            if response.whole and sentence:
                self.seen.ends[sentence] += 1
                if broke_at:
                    self.seen.longest_end_s = max(self.seen.longest_end_s, time.monotonic() - broke_at)
                return
            if not broke_at:
                self.seen.cut += 1
                broke_at = time.monotonic()
            await asyncio.sleep(PAUSE_S)
        self.seen.endless.append(address)

    async def browse(self, person: Person) -> None:
        """Open one page after the other."""
        number = 0
        while self.goes_on:
            path = PAGES[number % len(PAGES)]
            number += 1
            began = time.monotonic()
            response = await attempt(person, person.request("GET", path))
            self.seen.note("page", response, began, (200, 302))  # signed in: the sign-in page leads on
            await asyncio.sleep(PAUSE_S)

    async def handle_keys(self, person: Person) -> None:
        """Create a key and delete it, again and again; a form without an answer is sent again as it was."""
        number = 0
        while self.goes_on:
            label = f"{person.name} {number}"
            number += 1
            self.seen.asked.add(label)
            fields = {"label": label, "kind": "temporary", "request_id": str(uuid.uuid4())}
            created = await self._post(person, "create", "/keys/create/", fields, (201,))
            await asyncio.sleep(KEY_PAUSE_S)
            if number <= STAYING:
                if created.status == 201:
                    self.seen.shown.add(label)
                continue
            page = await attempt(person, person.request("GET", "/"))
            if row := re.search(_ROW % label, page.body.decode()):
                await self._post(person, "delete", f"/keys/{row[1]}/delete/", {}, (200, 302))

    async def _post(
        self, person: Person, what: str, path: str, fields: Mapping[str, str], expected: tuple[int, ...]
    ) -> Response:
        """Send a form until it is answered: with what is expected, or with words that it was done before."""
        answered: tuple[int, ...] = expected
        while True:
            body = urlencode({"csrfmiddlewaretoken": person.token, **fields}).encode()
            began = time.monotonic()
            response = await attempt(person, person.request("POST", path, FORM, body))
            if self.seen.note(what, response, began, answered):
                return response
            answered = (*expected, 409, 422, 200, 302, 404)
            await asyncio.sleep(PAUSE_S)


async def everybody(load: Load, readers: list[Person], visitors: list[Person], makers: list[Person]) -> None:
    """Let all of them go on until the load ends."""
    await asyncio.gather(*map(load.converse, readers), *map(load.browse, visitors), *map(load.handle_keys, makers))
