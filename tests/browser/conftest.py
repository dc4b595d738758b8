"""A real browser, a portal as in production, and errors of the browser that fail a test."""

import os
from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import make_password
from playwright.sync_api import Browser, expect, sync_playwright
from pytest_django import Settings

from accounts.models import User
from keys.catalogue import refresh_models
from tests.browser.portal_process import Portal
from tests.browser.visit import PATIENCE_MS, Visit
from tests.browser.windows import Windows
from tests.factories import PASSWORD
from tests.requirements import find_chromium, require
from tests.sandbox_process import Sandbox

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # there is no other machine
]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Run the machine's Chromium for the tests of this folder."""
    require("browser")
    expect.set_options(timeout=PATIENCE_MS)
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright has a loop in this thread; nothing of ours runs in it
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="package")
def portal(django_db_setup: None, sandbox_process: Sandbox) -> Iterator[Portal]:
    """Serve the portal for the tests of this folder, on their database."""
    with Portal(sandbox_process) as running:
        yield running


@pytest.fixture(scope="package")
def windows(chromium: Browser, portal: Portal) -> Iterator[Windows]:
    """Lend out windows on the portal."""
    ours = Windows(chromium, portal.url)
    yield ours
    ours.close()


@pytest.fixture
def visit(windows: Windows, transactional_db: None, sandbox: Sandbox) -> Iterator[Visit]:
    """Return how people come to the portal; fails when a page of theirs complained or looked elsewhere."""
    refresh_models()
    visitors = Visit(windows)
    yield visitors
    visitors.leave()
    assert not visitors.complaints


@pytest.fixture(scope="session")
def axe_everywhere(pytestconfig: pytest.Config) -> bool:
    """Tell whether axe looks at pages on phones and in the dark too: left out where the slow tests are."""
    return bool(pytestconfig.option.markexpr != "not slow")


@pytest.fixture
def known_password(settings: Settings, visit: Visit, intern: User) -> str:
    """Let the intern sign in by the form of a portal that takes no cheap hash."""
    settings.PASSWORD_HASHERS = ["accounts.hashers.PasswordHasher"]
    intern.password = make_password(PASSWORD)
    intern.save(update_fields=["password"])
    return PASSWORD
