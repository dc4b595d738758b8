"""The portal behind nginx, configured as documented, on an unusual port."""

import html
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
import requests
from django.conf import settings

from accounts.hashers import PasswordHasher
from accounts.models import User
from tests.accounts.institution import CLIENT_ID, CLIENT_SECRET, running
from tests.browser.portal_process import Portal
from tests.browser.visit import session_of
from tests.conftest import HTMX
from tests.factories import PASSWORD
from tests.keys.views.pages import field_in
from tests.nginx import Nginx
from tests.playground.portal_subprocess import StreamReader
from tests.playground.sse import STREAM
from tests.playground.streams import MODEL, know_the_models
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.nginx
LOGIN, INSTITUTION = "/account/login/", "/account/oidc/institution/login/"


class PortalBehind(Portal):
    """Two processes behind `nginx`, with an institution to sign in with."""

    def __init__(self, gateway: Sandbox, nginx: Nginx, institution: str) -> None:
        given = {"OIDC_ISSUER": institution, "OIDC_CLIENT_ID": CLIENT_ID, "OIDC_CLIENT_SECRET": CLIENT_SECRET}
        super().__init__(gateway, DEBUG="1", WEB_PROCESSES="2", PORTAL_URL=nginx.url, TRUSTED_PROXY_COUNT="1", **given)

    def prepare(self) -> None:
        """Need nothing: with DEBUG, static files need not be collected."""


@pytest.fixture
def nginx(transactional_db: None, sandbox: Sandbox) -> Iterator[Nginx]:
    nginx = Nginx(portal_port=0)
    with running() as institution, PortalBehind(sandbox, nginx, institution.url) as portal:
        nginx.portal_port = portal.port
        with nginx:
            yield nginx


class Browser(requests.Session):
    """Follows redirects, those that a page does too."""

    def __init__(self, nginx: Nginx) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = nginx.certificate

    def open(self, address: str, data: dict[str, str] | None = None) -> requests.Response:
        """Return the page at the end."""
        answer = self.post(address, data, headers={"Referer": address}) if data else self.get(address)
        assert answer.status_code == 200, answer.text
        onward = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', answer.text)
        return self.open(urljoin(answer.url, html.unescape(onward[1]))) if onward else answer


def fields_of_sign_in(page: str) -> dict[str, str]:
    """Return the hidden fields of the sign-in form."""
    form = page[page.index(f'action="{LOGIN}"') :]
    return {name: field_in(form, name) for name in ("csrfmiddlewaretoken", "next")}


def test_a_long_link_survives_signing_in(nginx: Nginx, intern: User) -> None:
    know_the_models()
    User.objects.filter(pk=intern.pk).update(password=PasswordHasher().encode(PASSWORD, "salt of the tests"))
    system = "Réponds en français, s’il te plaît & « poliment » + vite = bien? " * 40
    link = f"{nginx.url}/playground/?{urlencode({'system': system[:1900]})}"
    assert 2500 < len(link) < 3600
    browser = Browser(nginx)

    page = browser.open(link)
    assert urlsplit(page.url).path == LOGIN
    form = fields_of_sign_in(page.text)
    page = browser.open(f"{nginx.url}/language/", {**form, "next": page.url.removeprefix(nginx.url), "language": "fr"})
    assert "Se connecter" in page.text
    page = browser.open(nginx.url + LOGIN, {**form, "login": intern.username, "password": PASSWORD})

    assert page.url == link
    assert system[:1900].rstrip() in html.unescape(page.text)


def test_the_longest_link_leads_at_least_to_its_page(nginx: Nginx) -> None:
    browser = Browser(nginx)

    page = browser.open(f"{nginx.url}/playground/?{'=&+%25' * 1200}")

    assert (urlsplit(page.url).path, fields_of_sign_in(page.text)["next"]) == (LOGIN, "/playground/")
    institution = re.search(rf'href="({INSTITUTION}[^"]*)"', page.text)
    assert institution
    answer = browser.get(nginx.url + html.unescape(institution[1]), allow_redirects=False)
    assert answer.status_code == 302


def test_the_institution_sends_people_back_to_the_unusual_port(nginx: Nginx) -> None:
    direct = f"http://127.0.0.1:{nginx.portal_port}{INSTITUTION}"
    headers = {"Host": "localhost", "X-Forwarded-Proto": "https"}  # as a proxy sends it that drops the port

    for answer in (
        Browser(nginx).get(nginx.url + INSTITUTION, allow_redirects=False),
        requests.get(direct, headers=headers, allow_redirects=False, timeout=30),
    ):
        [address] = parse_qs(urlsplit(answer.headers["Location"]).query)["redirect_uri"]
        assert address == f"{nginx.url}{INSTITUTION}callback/"


def test_an_answer_comes_word_by_word(nginx: Nginx, intern: User, sandbox: Sandbox) -> None:
    know_the_models()
    sandbox.faults("/chat/completions", "stream_silent", after_chunks=6, seconds=120)  # after "1 2 3 4 5"
    browser = Browser(nginx)
    browser.cookies.set(f"__Host-{settings.SESSION_COOKIE_NAME}", session_of(intern))  # as over HTTPS
    page = browser.open(f"{nginx.url}/playground/")
    fields = {"csrfmiddlewaretoken": field_in(page.text, "csrfmiddlewaretoken"), "model": MODEL}

    headers = {**HTMX, "Referer": page.url}
    sent = browser.post(f"{nginx.url}/playground/send/", {**fields, "message": "Count [count 9]"}, headers=headers)
    assert sent.ok, sent.text
    address = STREAM.findall(sent.text)[-1]
    reader = StreamReader(browser.get(nginx.url + address, headers=HTMX, stream=True, timeout=60))

    reader.until(lambda received: received.text == "1 2 3 4 5")
    stop = nginx.url + address.replace("stream", "stop")
    headers["X-CSRFToken"] = fields["csrfmiddlewaretoken"]
    assert browser.post(stop, headers=headers, timeout=60).status_code == 204
    reader.read_all()
    assert reader.said == "Stopped."
