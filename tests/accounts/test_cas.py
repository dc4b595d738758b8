"""Sign-in by CAS, against a server on loopback."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertRedirects

from accounts.checks import institution_is_asked_over_https
from accounts.fresh import SIGNED_IN_AT
from accounts.identity_providers import Cas, Enter
from accounts.models import ScimClient, ScimUser, SignIn, User
from tests.accounts.cas_server import CasServer, running
from tests.accounts.sign_in_table import Sent, go_through_table, with_rules
from tests.accounts.signing_in import is_signed_in
from tests.accounts.visits import whoever_is_signed_in
from tests.factories import make_intern
from tests.ports import free_port

LOGIN = "/account/cas/cas/login/"


@pytest.fixture(scope="module")
def cas_process() -> Iterator[CasServer]:
    """Run a server for the tests of this file."""
    with running() as server:
        yield server


@pytest.fixture
def cas(cas_process: CasServer, settings: Settings, db: None) -> CasServer:
    """Hand out the server as new, with the portal pointed at it."""
    cas_process.user, cas_process.attributes, cas_process.answer = "ada", {}, None
    settings.IDENTITY_PROVIDERS = [provider(cas_process)]
    return cas_process


def provider(cas: CasServer, **more: Any) -> Cas:
    return Cas(id="cas", name="Example University", server=cas.url, **more)


def to_the_server(client: Client, start: str = LOGIN) -> str:
    """Go to the server; return where it sends the browser back to."""
    sent = client.get(start)
    back = requests.get(sent["Location"], allow_redirects=False, timeout=5).headers["Location"]
    return back.removeprefix("http://testserver")


def test_only_a_sign_in_that_was_requested_anew_is_recent(client: Client, cas: CasServer) -> None:
    for start, is_recent in ((LOGIN, False), (f"{LOGIN}?fresh=1", True)):
        client.get(to_the_server(client, start))
        assert (client.session[SIGNED_IN_AT] > 0) == is_recent, start


def test_the_table_of_sign_ins(client: Client, cas: CasServer, settings: Settings) -> None:
    def sign_in(subject: str, rules: Mapping[str, Any], sent: Sent) -> User | None:
        settings.IDENTITY_PROVIDERS = [with_rules(provider(cas), rules)]
        cas.user = subject
        named = {provider(cas).attribute(what)[0]: value for what, value in sent.items()}
        cas.attributes = {name: value if isinstance(value, list) else [value] for name, value in named.items()}
        client.get(to_the_server(client))
        return whoever_is_signed_in(client)

    go_through_table(sign_in)


def test_signs_in_and_goes_on(client: Client, cas: CasServer) -> None:
    assertContains(client.get(reverse("account_login")), "Sign in with Example University")
    cas.attributes = {"mail": ["ada@example.edu"], "displayName": ["Ada Byron"]}

    answer = client.get(to_the_server(client, f"{LOGIN}?next=/usage/"))

    assertRedirects(answer, "/usage/", fetch_redirect_response=False)
    user = User.objects.get()
    assert (user.username, user.get_full_name(), user.email) == ("ada", "Ada Byron", "ada@example.edu")


def test_version_2_sends_the_name_alone(client: Client, cas: CasServer, settings: Settings) -> None:
    settings.IDENTITY_PROVIDERS = [provider(cas, version=2)]
    cas.attributes = {"displayName": ["Ada Byron"]}

    client.get(to_the_server(client))

    assert [user.get_full_name() for user in User.objects.all()] == [""]
    assert is_signed_in(client)


def test_refuses_a_ticket_twice_in_another_browser_and_of_another_service(client: Client, cas: CasServer) -> None:
    back = to_the_server(client)
    assert Client().get(back).status_code == 401
    assert client.get(back).status_code == 302
    client.logout()
    assert client.get(back).status_code == 401

    ticket = to_the_server(client).partition("ticket=")[2]  # for another state, so for another service
    state = to_the_server(client).partition("ticket=")[0]
    assertContains(client.get(f"{state}ticket={ticket}"), "Sign-in failed", status_code=401)
    assert not is_signed_in(client)


def test_refuses_what_is_no_ticket(client: Client, cas: CasServer) -> None:
    for ticket in ("", "ST-made-up", "x" * 501, "\0", "ST-1&pgtUrl=https://evil.example"):
        start = to_the_server(client).partition("ticket=")[0]
        assert client.get(f"{start}ticket={ticket}").status_code == 401, ticket
    for address in (f"{LOGIN}callback/", f"{LOGIN}callback/?state=x&ticket=ST-1"):
        assert client.get(address).status_code == 401
    assert not User.objects.exists()


def test_says_so_when_the_server_answers_garbage_or_not_at_all(
    client: Client, cas: CasServer, settings: Settings
) -> None:
    bomb = (
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(f'<!ENTITY a{n} "{f"&a{n - 1 if n else str()};" * 20}">'.encode() for n in range(12))
        + b"]><x>&a11;</x>"
    )
    nobody = b'<a xmlns="http://www.yale.edu/tp/cas"><authenticationSuccess/></a>'
    for answer in (b"", b"<h1>Welcome", b"<a/>", b"<a><authenticationSuccess/></a>", nobody, bomb):
        cas.answer = answer
        assertContains(client.get(to_the_server(client)), "Your institution does not answer", status_code=503)
    cas.answer = None
    settings.IDENTITY_PROVIDERS = [provider(cas, subject="employeeNumber")]
    assertContains(client.get(to_the_server(client)), "Your institution does not answer", status_code=503)
    back = to_the_server(client)
    settings.IDENTITY_PROVIDERS = [Cas(id="cas", server=f"http://127.0.0.1:{free_port()}")]

    assertContains(client.get(back), "Your institution does not answer", status_code=503)

    assert not User.objects.exists()


def test_an_unverified_address_of_one_provider_does_not_catch_the_person_of_another(
    cas: CasServer, settings: Settings
) -> None:
    """Who can write any address into a directory would otherwise share the account of its owner."""
    for trusts_first, accounts in ((False, {"mallory"}), (True, {"mallory", "ada"})):
        User.objects.all().delete()
        first = provider(cas, trust_email=trusts_first)
        settings.IDENTITY_PROVIDERS = [first, Cas(id="two", name="Two", server=cas.url, trust_email=True)]
        cas.attributes = {"mail": ["ada@example.edu"]}
        for cas.user, start in (("mallory", LOGIN), ("ada", "/account/cas/two/login/")):
            client = Client()
            client.get(to_the_server(client, start))
        assert set(SocialAccount.objects.values_list("uid", flat=True)) == accounts
        assert is_signed_in(client) is trusts_first


def test_an_unverified_address_that_was_provisioned_does_not_catch_the_person_of_another_provider(
    client: Client, cas: CasServer, settings: Settings
) -> None:
    """Who provisions people for one institution would otherwise change and close accounts of another's."""
    settings.IDENTITY_PROVIDERS = [Cas(id="two", name="Two", server=cas.url, trust_email=True)]
    mallory = make_intern("mallory", email="ada@example.edu", password=None)
    EmailAddress.objects.create(user=mallory, email="ada@example.edu", verified=False, primary=True)
    other = ScimClient.objects.create(provider="one", digest="x")
    ScimUser.objects.create(client=other, person=mallory, user_name="mallory")
    cas.user, cas.attributes = "ada", {"mail": ["ada@example.edu"]}

    client.get(to_the_server(client, "/account/cas/two/login/"))

    assert not SocialAccount.objects.exists()
    assert not is_signed_in(client)


def test_a_server_needs_https(settings: Settings) -> None:
    settings.IDENTITY_PROVIDERS = [Cas(id="cas", server="http://cas.example.edu/cas")]

    assert [error.id for error in institution_is_asked_over_https()] == ["accounts.E001"]


def test_an_unknown_server_is_not_found(client: Client, db: None) -> None:
    assert [client.get(address).status_code for address in (LOGIN, f"{LOGIN}callback/")] == [404, 404]


def test_each_sign_in_is_kept_with_what_was_sent_and_what_came_of_it(
    client: Client, cas: CasServer, settings: Settings
) -> None:
    make_intern("taken", email="taken@example.edu")
    cas.attributes = {"eduPersonAffiliation": ["staff"], "displayName": ["Ada Byron"], "secretCode": ["not-kept"]}
    client.get(to_the_server(client))
    client.logout()
    client.get(to_the_server(client))
    client.logout()
    User.objects.filter(username="ada").update(is_active=False)
    client.get(to_the_server(client))
    cas.user, cas.attributes = "new", {"mail": ["taken@example.edu"]}
    client.get(to_the_server(client))
    client.get(f"{LOGIN}callback/")
    cas.answer = b"<h1>Welcome"
    client.get(to_the_server(client))
    cas.answer, settings.IDENTITY_PROVIDERS = None, [provider(cas, enter=Enter(affiliations=("staff",)))]
    client.get(to_the_server(client))

    found = list(SignIn.objects.order_by("pk"))
    outcomes = ["created", "entered", "inactive", "address", "answer", "unavailable", "affiliation"]
    assert [row.outcome for row in found] == outcomes
    assert {row.provider for row in found} == {"cas"}
    assert [row.user and row.user.username for row in found] == ["ada", "ada", "ada", None, None, None, None]
    assert found[0].received == ["displayName", "eduPersonAffiliation", "secretCode", "user"]
    assert found[0].claims["name"] == "Ada Byron"
    assert "not-kept" not in str(list(SignIn.objects.values_list()))
