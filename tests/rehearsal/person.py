"""A person with a browser, who comes by HTTPS, signs in at the institution, makes a key, chats; and their program."""

import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Final, Self

import requests

from bench.stream_reading import PORTAL, stream_address

LOGIN: Final = "/account/oidc/institution/login/"
FORGOTTEN: Final = "/account/password/reset/"
PAGE_S: Final = 60
CHAT_S: Final = 120
PROBE_EVERY_S: Final = 0.1
_TOKEN: Final = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_SECRET: Final = re.compile(r"\bsk-[A-Za-z0-9_-]{20,}")
_ALERT: Final = re.compile(r'role="alert"[^>]*>(.{,600})|class="invalid-feedback[^>]*>(.{,200})', re.DOTALL)
_HTMX: Final = {"HX-Request": "true", "HX-Request-Type": "partial", "Accept": "text/html, text/event-stream"}
MODEL: Final = "gpt-4o-mini"  # of the sandbox and of the real gateway; takes images


class Person:
    """A browser with its cookies."""

    def __init__(self, url: str, certificate: str) -> None:
        self.url = url
        self._browser = requests.Session()
        self._browser.trust_env, self._browser.verify = False, certificate
        self._page = ""

    def open(self, path: str, **more: str) -> str:
        """Open a page, wherever it leads; return it."""
        answer = self._browser.get(self.url + path, timeout=PAGE_S, headers=more)
        answer.raise_for_status()
        self._page = answer.text
        return answer.text

    def sign_in(self) -> str:
        """Follow the button of the institution and come back; return the page."""
        assert f'href="{LOGIN}' in self.open("/account/login/")
        return self.open(LOGIN)

    def send(self, path: str, *, image: bytes = b"", **fields: str) -> requests.Response:
        """Send the form of the page that is open, with a picture if one is given, as htmx does."""
        found = _TOKEN.search(self._page)
        assert found, self._page
        fields["csrfmiddlewaretoken"] = found[1]
        headers = {**_HTMX, "Referer": self.url + path, "Origin": self.url}
        parts: dict[str, tuple[str | None, bytes | str]] = {name: (None, value) for name, value in fields.items()}
        if image:
            parts["attachments"] = ("cat.png", image)
        return self._browser.post(self.url + path, files=parts, headers=headers, timeout=PAGE_S)

    def make_key(self, label: str) -> str:
        """Create a key; return its secret, which one page shows."""
        self.open("/")
        page = self.send("/keys/create/", label=label, kind="temporary", request_id=str(uuid.uuid4()))
        assert page.status_code == 201, page.text
        secrets: list[str] = _SECRET.findall(unescape(page.text))
        return max(secrets, key=len)

    def ask_for_a_password(self, address: str) -> None:
        """Have a link sent to somebody who has forgotten theirs."""
        self.open(FORGOTTEN)
        self.send(FORGOTTEN, email=address).raise_for_status()

    def chat(self, message: str, image: bytes) -> str:
        """Send a message with a picture in the Playground, and read the answer to its end."""
        self.open("/playground/")
        page = self.send("/playground/send/", image=image, model=MODEL, message=message)
        assert page.status_code == 200, [each[0] for each in _ALERT.finditer(page.text)]
        path = stream_address(page.content)
        answer = self._browser.get(self.url + path, headers=_HTMX, timeout=CHAT_S)
        answer.raise_for_status()
        return PORTAL.text(answer.content)

    @contextmanager
    def probing(self, *paths: str) -> Iterator[Counter[str]]:
        """Open these pages in turn, ten times a second, until the end of the block; count what they answered."""
        seen: Counter[str] = Counter()
        is_over = threading.Event()
        thread = threading.Thread(target=self._probe, args=(paths, seen, is_over))
        thread.start()
        try:
            yield seen
        finally:
            is_over.set()
            thread.join()

    def _probe(self, paths: tuple[str, ...], seen: Counter[str], is_over: threading.Event) -> None:
        number = 0
        while not is_over.wait(PROBE_EVERY_S):
            path = paths[number % len(paths)]
            try:
                status = self._browser.get(self.url + path, timeout=PAGE_S, allow_redirects=False).status_code
                seen["200" if status == 200 else f"{path} {status}"] += 1
            except requests.RequestException as problem:
                seen[f"{path} {type(problem).__name__}"] += 1
            number += 1


class Program:
    """A program of the person's that calls the gateway with a key."""

    def __init__(self, gateway_url: str, secret: str) -> None:
        self._url = gateway_url
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Authorization"] = f"Bearer {secret}"

    def ask(self) -> int:
        """Call a model; return the tokens that the gateway has counted."""
        body = {"model": MODEL, "messages": [{"role": "user", "content": "One word."}], "max_tokens": 20}
        answer = self._http.post(f"{self._url}/v1/chat/completions", json=body, timeout=CHAT_S)
        answer.raise_for_status()
        return int(answer.json()["usage"]["total_tokens"])


class Clock:
    """Says how long each part took."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}

    @contextmanager
    def __call__(self, part: str) -> Iterator[Self]:
        """Time a part."""
        began = time.monotonic()
        try:
            yield self
        finally:
            self.parts[part] = time.monotonic() - began

    def report(self) -> str:
        """Return a line for each part."""
        return "\n".join(f"  {part:32}{seconds:6.0f} s" for part, seconds in self.parts.items())
