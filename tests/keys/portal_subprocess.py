"""A portal that can be killed in the middle of an answer, and a client that waits for it."""

import threading

import psutil
import requests
from django.conf import settings
from django.test import Client

from accounts.models import User
from tests.browser.portal_process import Portal
from tests.conftest import signed_in
from tests.keys.views.pages import field_in
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

ANSWER_TIMEOUT_S = 60


class PortalSubprocess(Portal):
    """One web process, on the database of the tests; starts in a second, and ends as by a power cut."""

    def __init__(self, gateway: Sandbox) -> None:
        super().__init__(gateway, DEBUG="1", WEB_THREADS="2")  # DEBUG: static files need not be collected

    def prepare(self) -> None:
        """Need nothing."""

    def kill(self) -> None:
        """End the master, so that it starts no other worker, and its worker; leave neither a chance to clean up."""
        assert self._process
        master = psutil.Process(self._process.pid)
        processes = [master, *master.children(recursive=True)]
        assert len(processes) > 1
        for process in processes:
            process.kill()
        self._process.wait()
        wait_until(lambda: not any(process.is_running() for process in processes[1:]))


class Waiting:
    """Somebody who is signed in and sends a form, with the token that the page has given."""

    def __init__(self, portal: Portal, user: User) -> None:
        self.portal = portal
        self.session = requests.Session()
        self.session.trust_env = False
        session = self._session_of(signed_in(user))
        self.session.cookies.set(settings.SESSION_COOKIE_NAME, session)
        self.page = self.session.get(portal.url, timeout=ANSWER_TIMEOUT_S).text
        self.failure: requests.RequestException | None = None

    @staticmethod
    def _session_of(client: Client) -> str:
        return str(client.cookies[settings.SESSION_COOKIE_NAME].value)

    def send(self, path: str, **fields: str) -> threading.Thread:
        """Send a form in a thread of its own, and wait there."""
        fields["csrfmiddlewaretoken"] = field_in(self.page, "csrfmiddlewaretoken")
        thread = threading.Thread(target=self._post, args=(path, fields))
        thread.start()
        return thread

    def _post(self, path: str, fields: dict[str, str]) -> None:
        try:
            self.session.post(self.portal.url + path, data=fields, timeout=ANSWER_TIMEOUT_S)
        except requests.RequestException as failure:
            self.failure = failure
