"""Fuzzed requests over all pages and forms cause no server error: the short version of `make fuzz`."""

import traceback
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.signals import got_request_exception
from django.test import Client

from accounts.models import User
from bench.fuzz import kept
from bench.fuzz_requests import Fuzzer, Odd, crawl
from tests.factories import make_intern, make_staff, make_user
from tests.keys.actions import issue
from tests.playground import rows
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db
REQUESTS, PAGES = 60, 30
COOKIES = [settings.LANGUAGE_COOKIE_NAME, settings.THEME_COOKIE_NAME, settings.SESSION_COOKIE_NAME, "messages"]


@pytest.fixture
def errors() -> Iterator[list[str]]:
    """Collect the tracebacks of what views raise."""
    found: list[str] = []

    def note(**more: object) -> None:
        found.append(traceback.format_exc(limit=-4))

    got_request_exception.connect(note)
    yield found
    got_request_exception.disconnect(note)


class Browser:
    """A browser that sends the given requests."""

    def __init__(self, user: User | None) -> None:
        self.user = user
        self.client = Client(raise_request_exception=False)
        self.sign_in()

    def sign_in(self) -> None:
        """Come anew: an odd request may have ended the session."""
        self.client.cookies.clear()
        if self.user:
            self.client.force_login(self.user)

    def fetch(self, address: str) -> str:
        """Return a page's HTML."""
        answer = self.client.get(address)
        is_page = not answer.streaming and answer.headers.get("Content-Type", "").startswith("text/html")
        return answer.content.decode() if is_page else ""

    def send(self, odd: Odd) -> int:
        """Return the status of the whole answer."""
        for name, value in odd.cookies.items():
            self.client.cookies[name] = value
        kind = odd.headers.pop("Content-Type", "")
        answer = self.client.generic(odd.method, odd.target, odd.body, kind, headers=odd.headers)
        if answer.streaming:
            list(answer)
        self.sign_in()
        return answer.status_code


def make_person(role: str) -> User | None:
    """Make somebody with a key and a conversation."""
    if role == "anonymous":
        return None
    makers = {"intern": make_intern, "staff": make_staff}
    user = makers[role]("fuzz") if role in makers else make_user("fuzz", is_staff=True, is_superuser=True)
    issue(user)
    rows.conversation(user, ("Hello", "Hi there."))
    return user


@pytest.mark.timeout(600)  # hundreds of pages, on a machine that may be busy
@pytest.mark.parametrize("role", ["anonymous", "intern", "staff", "admin"])
def test_no_fuzzed_request_causes_a_server_error(sandbox: Sandbox, errors: list[str], role: str) -> None:
    know_the_models()
    browser = Browser(make_person(role))
    fuzzer = Fuzzer(8, cookie_names=COOKIES, kept=kept)
    crawl(fuzzer, browser.fetch, pages=PAGES)

    statuses = [(browser.send(odd), odd) for odd in (fuzzer.make() for _ in range(REQUESTS))]

    assert not errors, "\n".join(errors)
    assert [odd for status, odd in statuses if status >= 500] == []
