"""People with browsers: they sign in at the form, open pages, send messages, and open the streams of the answers.

Each has an IP address of their own, in the header of a reverse proxy, since the portal limits sign-ins by address.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from bench.stream_client import Ask, ask_once, fetch
from bench.stream_reading import PORTAL, Response, stream_address

MODEL: Final = "general_nothink"
SIGN_IN: Final = "/account/login/"
PLAYGROUND: Final = "/playground/"
SEND: Final = "/playground/send/"
PAGES: Final = ("/", PLAYGROUND, "/usage/")
AT_ONCE: Final = 8  # people preparing at the same time
_TOKEN: Final = re.compile(rb'name="csrfmiddlewaretoken" value="([^"]+)"')
_BOUNDARY: Final = "passerelle-bench-boundary"


def question(tokens: int, pace_ms: int) -> str:
    """Return a message that makes the sandbox count, this slowly."""
    return f"[count {tokens}] [pace {pace_ms}]"


@dataclass(slots=True)
class Person:
    """A browser: its cookies, and the CSRF token of its open form."""

    port: int
    name: str
    number: int
    two_steps: bool = True  # False: a former portal, which streams the response to the POST
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""

    async def visit(self, path: str) -> float:
        """Open a page; return its seconds."""
        response, seconds = await fetch(self.port, self.request("GET", path))
        self._take(response, path, 200)
        return seconds

    async def sign_in(self, password: str) -> float:
        """Sign in at the form, as a new browser; return the seconds of the POST."""
        self.cookies.clear()
        await self.visit(SIGN_IN)
        given = urlencode({"csrfmiddlewaretoken": self.token, "login": self.name, "password": password}).encode()
        form = "application/x-www-form-urlencoded"
        response, seconds = await fetch(self.port, self.request("POST", SIGN_IN, {"Content-Type": form}, given))
        self._take(response, SIGN_IN, 302)
        return seconds

    async def prepare(self, password: str) -> None:
        """Sign in, open the Playground, and send one message, which creates the key."""
        await self.sign_in(password)
        await self.visit(PLAYGROUND)
        response = await ask_once(self.ask(1))
        text = PORTAL.text(response.body)
        if response.status != 200 or text != "1":
            raise AssertionError(f"{self.name} was answered {response.status}: {response.body[-2000:].decode()}")

    def ask(self, tokens: int, pace_ms: int = 20) -> Ask:
        """Return the response to the form."""
        fields = {"csrfmiddlewaretoken": self.token, "model": MODEL, "message": question(tokens, pace_ms)}
        parts = [
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        body = "".join([*parts, f"--{_BOUNDARY}--\r\n"]).encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
            "Accept": "text/html, text/event-stream",
            "HX-Request": "true",
            "HX-Request-Type": "partial",
        }
        request = self.request("POST", SEND, {**headers, "Connection": "keep-alive"}, body)
        if not self.two_steps:
            request = self.request("POST", SEND, headers, body)
        follow = (lambda sent: self.stream_request(stream_address(sent.body))) if self.two_steps else None
        return Ask(port=self.port, request=request, side=PORTAL, tokens=tokens, follow=follow)

    def stream_request(self, address: str) -> bytes:
        """Return the GET that a page makes by itself after sending a message."""
        headers = {"Accept": "text/html, text/event-stream", "HX-Request": "true", "HX-Request-Type": "partial"}
        return self.request("GET", address, headers)

    def request(self, method: str, path: str, more: dict[str, str] | None = None, body: bytes = b"") -> bytes:
        """Return a request of this browser, with its cookies."""
        address = f"10.0.{self.number // 250}.{self.number % 250 + 1}"
        origin = f"http://127.0.0.1:{self.port}"
        headers = {"Host": f"127.0.0.1:{self.port}", "X-Forwarded-For": address, "Connection": "close", **(more or {})}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method == "POST":
            headers |= {"Origin": origin, "Content-Length": str(len(body))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode() + body

    def _take(self, response: Response, path: str, expected: int) -> None:
        if response.status != expected:
            text = response.body[:2000].decode(errors="replace")
            raise AssertionError(f"{self.name}, {path}: {response.status} {text}")
        self.cookies |= response.cookies
        if found := _TOKEN.search(response.body):
            self.token = found[1].decode()


async def prepare_all(people: Sequence[Person], password: str) -> None:
    """Prepare everybody up to the open form, a few at a time."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(person: Person) -> None:
        async with turn:
            await person.prepare(password)

    await asyncio.gather(*map(one, people))


async def make_visits(people: Sequence[Person], password: str, *, every_s: float) -> tuple[list[float], list[float]]:
    """Regularly let somebody sign in and open three pages; return the seconds of sign-ins and pages."""

    async def one(number: int, person: Person) -> tuple[float, list[float]]:
        await asyncio.sleep(number * every_s)
        signed_in_s = await person.sign_in(password)
        return signed_in_s, [await person.visit(path) for path in PAGES]

    came = await asyncio.gather(*(one(number, person) for number, person in enumerate(people)))
    return [signed_in_s for signed_in_s, _ in came], [page_s for _, pages in came for page_s in pages]
