"""The portal below a path of a host that has other sites: nothing that it sends leads out of that path."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from django.conf import settings

from accounts.models import User
from keys.models import Key
from portal.content_security import cookie_prefix
from tests.browser.portal_process import Portal
from tests.browser.visit import session_of
from tests.factories import make_intern
from tests.keys.actions import issue
from tests.keys.views.pages import field_in
from tests.portal.routes import every_route, have_a_conversation
from tests.sandbox_process import Sandbox

PATH = "/lab/passerelle/"
ROOT = Path(__file__).resolve().parent.parent.parent
LEADS = {"href", "src", "action", "formaction", "hx-get", "hx-post", "hx-put", "hx-delete", "hx-patch", "data-address"}
ABSOLUTE = re.compile(r"/[a-z][\w/.-]*/?(\?.*)?")  # a value of a data attribute that a script may go to
WITHIN_CSS = re.compile(r"url\([\"']?([^)\"']+)")
WITHIN_SCRIPT = re.compile(r"(?:import|from)\s*\(?[\"']([^\"']+)[\"']")


class SubpathPortal(Portal):
    """Portal at PATH; its own port takes the place of a proxy that passes requests on as they are."""

    @property
    def url(self) -> str:
        """Its address, with the path."""
        return f"http://127.0.0.1:{self.port}{PATH.removesuffix('/')}"

    def environment(self) -> dict[str, str]:
        """Return the settings, with the address in the browser."""
        return super().environment() | {"PORTAL_URL": self.url}


class Leads(HTMLParser):
    """Addresses that a page leads to: links, forms, files, and what scripts read from data attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.files: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what this element leads to."""
        for name, value in attrs:
            if name in LEADS or (name.startswith(("data-", "hx-")) and ABSOLUTE.fullmatch(value or "")):
                self.found.add(value or "")
            elif name == "content" and "url=" in (value or ""):
                self.found.add((value or "").partition("url=")[2])
        if tag in ("link", "script", "img"):
            self.files |= {value for name, value in attrs if name in ("href", "src") and value}


class Crawl:
    """Someone's browser that opens pages of the portal, and notes what leads out of its path."""

    def __init__(self, portal: SubpathPortal, person: User | None = None) -> None:
        self.portal = portal
        self.browser = requests.Session()
        self.browser.trust_env = False
        if person:
            name = f"{cookie_prefix(PATH, https=False)}{settings.SESSION_COOKIE_NAME}"
            self.browser.cookies.set(name, session_of(person), path=PATH)
        self.files: set[str] = set()
        self.outside: list[str] = []

    def open(self, address: str) -> requests.Response:
        """Open a page by its path; a redirect is not followed."""
        answer = self.browser.get(urljoin(self.portal.url, address), allow_redirects=False, timeout=60)
        leads = [answer.headers["Location"]] if "Location" in answer.headers else []
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            page = Leads(answer.text)
            self.files |= {urljoin(answer.url, file) for file in page.files if not file.startswith("data:")}
            leads += page.found
        self.outside += [f"{address}: {lead}" for lead in leads if self._leads_out(urljoin(answer.url, lead))]
        self.outside += [f"{address}: {cookie.name}" for cookie in answer.cookies if cookie.path != PATH]
        return answer

    def _leads_out(self, lead: str) -> bool:
        ours, there = urlsplit(self.portal.url), urlsplit(lead)
        return there.netloc == ours.netloc and not there.path.startswith(PATH)

    def open_files(self) -> list[str]:
        """Open all files of the pages, and those that they name; return what is not there or outside."""
        wrong, waiting, seen = [], list(self.files), set(self.files)
        while waiting:
            address = waiting.pop()
            answer = self.browser.get(address, timeout=60)
            if answer.status_code != 200 or self._leads_out(address):
                wrong.append(address)
            is_ours = not re.search("static/(npm|admin)/", address)
            named = WITHIN_CSS.findall(answer.text) if ".css" in address else []
            named += WITHIN_SCRIPT.findall(answer.text) if ".js" in address and is_ours else []
            more = {urljoin(address, each) for each in named if not each.startswith(("data:", "#"))} - seen
            seen |= more
            waiting += more
        return wrong


@pytest.fixture(scope="module")
def subpath_portal(django_db_setup: None, sandbox_process: Sandbox) -> Iterator[SubpathPortal]:
    with SubpathPortal(sandbox_process) as running:
        yield running


@pytest.fixture
def portal(subpath_portal: SubpathPortal, transactional_db: None, sandbox: Sandbox) -> SubpathPortal:
    """Return that portal, with an empty database and gateway."""
    return subpath_portal


@pytest.mark.slow
def test_no_page_leads_out_of_the_path(portal: SubpathPortal, admin: User) -> None:
    intern = make_intern("crawled")
    issue(admin)
    issue(intern)
    have_a_conversation(admin)
    crawl, statuses = Crawl(portal, admin), set()
    key = Key.objects.get(owner=admin)

    for route in every_route():
        address = route.for_key(key.pk)
        statuses.add(crawl.open(f"{PATH}{address.removeprefix('/')}").status_code)
    for address in ("admin/", "admin/accounts/user/", f"admin/accounts/user/{intern.pk}/change/", "nothing/"):
        crawl.open(f"{PATH}{address}")

    assert crawl.outside == []
    assert 500 not in statuses
    assert len(crawl.files) > 20
    assert crawl.open_files() == []


def test_a_person_signs_in_and_out_below_the_path(portal: SubpathPortal, intern: User) -> None:
    crawl = Crawl(portal)
    page = crawl.open(f"{PATH}usage/?days=7")
    assert page.headers["Location"] == f"{PATH}account/login/?next={PATH}usage/%3Fdays%3D7"

    page = crawl.open(page.headers["Location"])
    form = {name: field_in(page.text, name) for name in ("csrfmiddlewaretoken", "next")}
    sent = {**form, "language": "fr", "next": "/another-site/"}
    answer = crawl.browser.post(f"{portal.url}/language/", sent, allow_redirects=False, timeout=60)
    assert answer.headers["Location"] == PATH

    assert {cookie.path for cookie in crawl.browser.cookies} == {PATH}
    assert {cookie.name for cookie in crawl.browser.cookies} == {"lab-passerelle-csrf", "lab-passerelle-language"}
    assert crawl.outside == crawl.open_files() == []


def test_a_probe_and_a_proxy_that_removes_the_path_are_answered_too(portal: SubpathPortal) -> None:
    host = f"http://127.0.0.1:{portal.port}"
    found = {
        path: requests.get(f"{host}{path}", allow_redirects=False, timeout=60)
        for path in ("/healthz/live", f"{PATH}healthz/live", "/account/login/", PATH.removesuffix("/"))
    }

    assert [answer.status_code for answer in found.values()] == [200, 200, 200, 301]
    assert found[PATH.removesuffix("/")].headers["Location"] == PATH
    schema = requests.get(f"{portal.url}/api/v1/openapi.json", timeout=60).json()
    assert schema["servers"] == [{"url": portal.url}]
    started = requests.post(f"{portal.url}/api/device/authorize/", {"client_id": "passerelle"}, timeout=60)
    assert json.loads(started.text)["verification_uri"] == f"{portal.url}/account/device/"


@pytest.mark.parametrize(
    ("path", "https", "prefix"),
    [
        ("/", False, ""),
        ("/", True, "__Host-"),
        ("/lab/passerelle/", False, "lab-passerelle-"),
        ("/~ai/", True, "__Secure-ai-"),
    ],
)
def test_cookies_of_two_portals_on_a_host_have_different_names(path: str, https: bool, prefix: str) -> None:
    assert cookie_prefix(path, https=https) == prefix


def test_mails_name_routes_by_their_whole_address() -> None:
    mails = [*ROOT.glob("templates/**/mail/*.txt"), *ROOT.glob("templates/account/email/*.txt")]
    code = [file for app in ROOT.glob("*/urls.py") for file in app.parent.rglob("*.py")]

    assert len(mails) > 30
    assert len(code) > 400
    assert [mail.name for mail in mails if re.search(r"\{% url ", mail.read_text())] == []
    assert [file.name for file in code if "PORTAL_URL}{" in file.read_text()] == []
