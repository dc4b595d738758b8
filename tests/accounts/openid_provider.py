"""Run the OpenID provider of npm's oidc-provider, and sign in there as a browser without scripts does."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from tests.accounts.visits import CALLBACK

CLIENT_SECRET = "a secret between the two, of 32 or more"
Claims = dict[str, dict[str, Any]]  # by what they are sent in: "id_token" and "userinfo"


class OpenIDProvider:
    """The running provider."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.issuer = self._line()

    def knows(self, people: dict[str, Claims]) -> None:
        """Set who may sign in, by subject."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(people) + "\n")
        self._process.stdin.flush()
        self._line()

    def _line(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the provider ended"
        return line.strip()


@contextmanager
def running(scopes: dict[str, list[str]]) -> Iterator[OpenIDProvider]:
    """Run a provider that gives these claims for these scopes, until the block ends."""
    options = {"scopes": scopes, "redirect": f"http://localhost{CALLBACK}"}
    command = ["node", str(Path(__file__).with_suffix(".mjs")), json.dumps(options)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield OpenIDProvider(process)
        finally:
            process.terminate()


def sign_in_at(start: str, subject: str) -> tuple[requests.Session, requests.Response]:
    """Follow the portal's link, fill in the provider's two forms and come back; return the browser and the page."""
    browser = requests.Session()
    page = browser.get(start, timeout=10)
    for fields in ({"prompt": "login", "login": subject, "password": "any"}, {"prompt": "consent"}):
        form = re.search(r'<form[^>]* action="([^"]+)"', page.text)
        assert form, page.text
        page = browser.post(urljoin(page.url, unescape(form[1])), fields, timeout=10)
    return browser, page
