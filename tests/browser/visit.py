"""How a person comes to the portal: a browser window of their own, signed in or not."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, ViewportSize

from accounts.models import User
from tests.conftest import signed_in

PATIENCE_MS = 10_000
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
STATUS_IS_TOLD = "Failed to load resource: the server responded with a status of"


class Visit:
    """Opens pages of the portal, and writes down what the browser complains about."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url
        self.complaints: list[str] = []
        self._contexts: list[BrowserContext] = []

    def __call__(self, path: str = "/", *, user: User | None = None, **options: Any) -> Page:
        """Open `path` in a window with cookies of its own, as `user`; `options` are those of Playwright's contexts."""
        told = {"viewport": DESK, "locale": "en-GB", "reduced_motion": "reduce", "base_url": self.url, **options}
        context = self.browser.new_context(**told, permissions=["clipboard-read", "clipboard-write"])
        context.set_default_timeout(PATIENCE_MS)
        self._contexts.append(context)
        context.on("console", self._note)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", self._look_where)
        if user:
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session_of(user), "url": self.url}])
        page = context.new_page()
        page.goto(path)
        return page

    def leave(self) -> None:
        """Close every window."""
        for context in self._contexts:
            context.close()

    def _note(self, message: ConsoleMessage) -> None:
        """Keep errors and warnings; a status other than 200 is no complaint, but for a file that is not there."""
        is_file = "/static/" in message.location["url"]
        if message.type in ("error", "warning") and (is_file or not message.text.startswith(STATUS_IS_TOLD)):
            self.complaints.append(f"{message.page.url if message.page else ''}: {message.text}")

    def _look_where(self, request: Request) -> None:
        if urlsplit(request.url).scheme != "data" and not request.url.startswith(f"{self.url}/"):
            self.complaints.append(f"asked elsewhere: {request.url}")


def session_of(user: User) -> str:
    """Return the cookie of somebody who has signed in."""
    return signed_in(user).cookies[settings.SESSION_COOKIE_NAME].value


def background(page: Page) -> str:
    """Return the colour of the page's ground, as the browser paints it."""
    return str(page.locator("body").evaluate("it => getComputedStyle(it).backgroundColor"))
