"""The redirect after a form: to a page of ours, whatever the form says."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from tests.accounts.institution import running
from tests.accounts.signing_in import point_at
from tests.conftest import signed_in
from tests.factories import PASSWORD
from tests.tasks import run_tasks
from usage.models import Notice, utc_today
from web.redirects import LONGEST_LOCATION, is_ours, with_next

pytestmark = pytest.mark.django_db

ODD = [
    "nobody@nowhere",
    "keys:index",
    "a b",
    "é\x00",
    "/\r\nSet-Cookie: a=b",
    "//[",
    "http://[::1",
    "javascript:alert(1)",
    "https://elsewhere.example.org/",
    "//elsewhere.example.org/",
    "\\\\elsewhere.example.org",
    "/\\elsewhere.example.org",
    "/" * 3000,
    "/" + "x" * 20_000,
]
PORTAL = "https://portal.example.edu:8443"


def is_here(address: str) -> bool:
    """Say whether a browser on a page of the portal stays there."""
    return urlsplit(address).netloc in ("", "testserver") and not address.startswith(("//", "/\\", "\\"))


@pytest.mark.parametrize("wanted", ODD, ids=range(len(ODD)))
def test_an_invalid_next_is_no_error_and_stays_in_the_portal(client: Client, intern: User, wanted: str) -> None:
    notice = Notice.objects.create(person=intern, threshold=80, period_first_day=utc_today(), spent_usd=4, budget_usd=5)
    forms: dict[str, dict[str, object]] = {
        reverse("usage:notices_seen"): {"notice": notice.pk},
        reverse("web:theme"): {"theme": "dark"},
        reverse("web:set_language"): {"language": "fr"},
    }

    answers = [signed_in(intern).post(address, {**fields, "next": wanted}) for address, fields in forms.items()]
    answers.append(client.post(reverse("account_login"), {"login": "intern", "password": PASSWORD, "next": wanted}))

    assert [answer.status_code for answer in answers] == [302] * 4
    assert all(is_here(answer["Location"]) for answer in answers)


def test_no_spelling_of_dots_leads_to_another_site_of_the_host(rf: RequestFactory, settings: Settings) -> None:
    settings.PORTAL_PATH = "/lab/portal/"
    pages = ["/lab/portal/", "/lab/portal/usage/?q=../x", "http://testserver/lab/portal/a..b/", "usage/", "?page=2"]
    up = ["..", "%2e%2e", ".%2E", "..%2f", "x/..\\..", ".\t.", "%2e%2e%5c", "x/../.."]
    starts = ["/lab/portal/", "http://testserver/lab/portal/", "//testserver/lab/portal/", ""]
    others = ["/", "/lab/portal", "/lab/portals/", "http://testserver", *(f"{a}{b}/other/" for a in starts for b in up)]
    request = rf.get("/lab/portal/")

    assert [page for page in pages if not is_ours(request, page)] == []
    assert [page for page in others if is_ours(request, page)] == []


@pytest.mark.parametrize("wanted", ODD, ids=range(len(ODD)))
def test_an_invalid_referer_is_no_error(client: Client, wanted: str) -> None:
    referer = wanted.replace("\r\n", "").encode("latin-1", "ignore").decode("latin-1")

    answer = client.post(reverse("keys:create"), headers={"Referer": f"http://testserver/{referer}"})

    assert answer.status_code in (200, 302)
    assert len(answer.get("Location", "")) <= LONGEST_LOCATION


def test_a_redirect_that_is_too_long_is_done_by_a_page(intern: User) -> None:
    wanted = f"/playground/?system={'%C3%A9' * 500}"

    answer = signed_in(intern).post(reverse("web:theme"), {"next": wanted, "theme": "dark"})

    assert (answer.status_code, "Location" in answer) == (200, False)
    assert f'content="0; url={wanted}"' in answer.content.decode()
    assert "theme" in answer.cookies
    assert "default-src" in answer["Content-Security-Policy"]
    assert "HX-Refresh" not in answer
    part = Client().get(reverse("usage:index"), {"q": "é" * 500}, headers={"HX-Request": "true"})
    assert (part.status_code, part["HX-Refresh"]) == (200, "true")


def test_a_long_url_is_not_pushed(as_admin: Client) -> None:
    answer = as_admin.get(reverse("usage:everyone"), {"q": "é" * 1000}, headers={"HX-Request": "true"})

    assert len(answer.get("HX-Push-Url", "")) <= LONGEST_LOCATION


@pytest.mark.parametrize("query", ["é" * 500, "&=" * 2000, "%25+" * 700])
def test_the_address_of_sign_in_fits_into_a_request(query: str) -> None:
    address = with_next("/account/login/", f"/playground/?{query}")

    assert len(address) < 8000
    [given] = parse_qs(urlsplit(address).query)["next"]
    assert given.partition("?")[0] == "/playground/"


def test_links_are_made_of_the_portals_own_address(client: Client, intern: User, settings: Settings) -> None:
    settings.PORTAL_URL, settings.TRUSTED_PROXY_COUNT, settings.HTTPS = PORTAL, 1, True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.ALLOWED_HOSTS = ["portal.example.edu"]
    headers = {"X-Forwarded-Proto": "https"}

    with running() as institution:
        point_at(settings, institution.url)
        for host in ("portal.example.edu", "portal.example.edu:443", "PORTAL.example.edu:8000"):
            asked = {**headers, "Host": host}
            answer = client.get("/account/oidc/institution/login/", headers=asked)
            [address] = parse_qs(urlsplit(answer["Location"]).query)["redirect_uri"]
            assert address.startswith(f"{PORTAL}/account/oidc/")
            client.post(reverse("account_reset_password"), {"email": intern.email}, headers=asked)
            run_tasks()
            assert f"{PORTAL}/account/password/reset/key/" in str(mail.outbox.pop().body)

    assert client.get("/", headers={**headers, "Host": "elsewhere.example.org"}).status_code == 400
