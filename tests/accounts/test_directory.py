"""Sign-in by LDAP, against OpenLDAP's server."""

import socket
import time
from collections.abc import Mapping
from io import StringIO
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.checks import passwords_are_sent_encrypted
from accounts.fresh import SIGNED_IN_AT
from accounts.identity_providers import Ldap
from accounts.models import SignIn as SignInRow
from accounts.models import User
from tests.accounts.sign_in_table import Sent, go_through_table, with_rules
from tests.accounts.signing_in import SignIn, is_signed_in
from tests.accounts.visits import groups_of, whoever_is_signed_in
from tests.factories import make_intern
from tests.ports import free_port

if TYPE_CHECKING:
    from tests.accounts.slapd import Slapd

pytestmark = pytest.mark.slapd
LOGIN = "/account/ldap/dir/login/"
PASSWORD = "correct horse"
# Attributes that a person need not have, and with any letters: sn and cn are needed, mail is ASCII.
UNBOUND = {"family_name": "title", "name": "displayName", "email": "employeeType", "groups": "isMemberOf"}


def enter(client: Client, username: str, password: str = PASSWORD, next_url: str = "") -> Any:
    return client.post(LOGIN, {"username": username, "password": password, "next": next_url})


@pytest.mark.slow
def test_the_table_of_sign_ins(client: Client, slapd: "Slapd", settings: Settings) -> None:
    def sign_in(subject: str, rules: Mapping[str, Any], sent: Sent) -> User | None:
        given = {"remove_missing_groups": False, "attributes": UNBOUND, **rules}
        provider = with_rules(slapd.provider(), given)
        named = {provider.attribute(what)[0]: value for what, value in sent.items()}
        attributes = {name: value if isinstance(value, list) else [value] for name, value in named.items()}
        slapd.knows(subject, {name: values for name, values in attributes.items() if values})
        settings.IDENTITY_PROVIDERS = [provider]
        enter(client, subject)
        return whoever_is_signed_in(client)

    go_through_table(sign_in)


def test_the_page_signs_in_and_goes_on(client: Client, slapd: "Slapd") -> None:
    slapd.knows(
        "ada", {"displayName": ["Ada Byron"], "sn": ["Byron"], "givenName": ["Ada"], "mail": ["ada@example.edu"]}
    )
    assertContains(client.get(reverse("account_login")), "Sign in with Computing centre")
    assertContains(client.get(LOGIN, {"next": "/usage/"}), 'value="/usage/"')

    assertRedirects(enter(client, "ADA ", next_url="/usage/"), "/usage/", fetch_redirect_response=False)
    assert client.session[SIGNED_IN_AT] > 0

    user = User.objects.get()
    assert (user.username, user.get_full_name(), user.email) == ("ada", "Ada Byron", "ada@example.edu")
    assert not user.has_usable_password()
    client.logout()
    away = enter(client, "ada", next_url="https://evil.example/")
    assertRedirects(away, reverse("keys:index"), fetch_redirect_response=False)


def test_a_binary_subject_that_is_a_text_by_chance_signs_in(client: Client, slapd: "Slapd", settings: Settings) -> None:
    settings.IDENTITY_PROVIDERS = [slapd.provider(subject="description")]
    slapd.knows("ada", {"description": ["\x01guid"]})

    assert enter(client, "ada").status_code == 302

    assert SocialAccount.objects.get().uid == "0167756964"


def test_a_wrong_password_an_unknown_name_and_an_empty_password_get_one_message(client: Client, slapd: "Slapd") -> None:
    slapd.knows("ada", {})
    names = [("ada", "wrong"), ("nobody", "wrong"), ("*", PASSWORD), ("ada)(uid=*", PASSWORD), ("a" * 151, "x")]
    for username, password in [*names, ("ada", ""), ("ada", "\0")]:
        cache.clear()
        answer = enter(client, username, password)
        assert answer.status_code == 422, username
        if len(password) > 0 and "\0" not in password and len(username) < 151:
            assertContains(answer, "Wrong user name or password.", status_code=422)
    assert not User.objects.exists()


def test_a_server_takes_an_empty_password_for_a_bind_of_nobody(slapd: "Slapd") -> None:
    """So the portal must not send one."""
    import ldap

    from accounts.directory import authenticate

    dn = slapd.knows("ada", {})
    connection = ldap.initialize(slapd.url)
    assert connection.simple_bind_s(dn, "")

    assert authenticate(slapd.provider(), "ada", "") is None
    assert authenticate(slapd.provider(), "ada", PASSWORD)


def test_groups_of_their_own_folder_are_given_and_taken(client: Client, slapd: "Slapd", settings: Settings) -> None:
    from tests.accounts.slapd import GROUPS, ROOT

    settings.IDENTITY_PROVIDERS = [slapd.provider(group_base=GROUPS)]
    dn = slapd.knows("O'Brien (Ada)*", {})
    for members, groups in (([ROOT, dn], {"Staff"}), ([ROOT], set())):
        slapd.add(f"cn=Staff,{GROUPS}", {"objectClass": ["groupOfNames"], "cn": ["Staff"], "member": members})
        enter(client, "O'Brien (Ada)*")
        client.logout()
        assert groups_of(User.objects.get()) == groups
    User.objects.get().groups.add(Group.objects.get(name="Staff"))
    settings.IDENTITY_PROVIDERS = [slapd.provider(group_base=f"ou=misspelt,{GROUPS}")]
    assert enter(client, "O'Brien (Ada)*").status_code == 503
    assert groups_of(User.objects.get()) == {"Staff"}


def test_a_sign_in_is_tried_without_a_password(slapd: "Slapd", settings: Settings) -> None:
    slapd.knows("ada", {"eduPersonAffiliation": ["staff"]})
    out = StringIO()

    call_command("try_sign_in", "dir", username="ada", stdout=out)

    assert "affiliation: staff" in out.getvalue()
    assert not User.objects.exists()
    with pytest.raises(CommandError, match="has no entry"):
        call_command("try_sign_in", "dir", username="nobody")
    settings.IDENTITY_PROVIDERS = [Ldap(id="dir", server=f"ldap://127.0.0.1:{free_port()}", base="dc=x")]
    with pytest.raises(CommandError, match="does not answer"):
        call_command("try_sign_in", "dir", username="ada")


def test_encrypts_before_any_password_is_sent(client: Client, slapd: "Slapd", settings: Settings) -> None:
    slapd.knows("ada", {})
    for more, status in (({"ca_file": str(slapd.certificate)}, 302), ({}, 503)):
        settings.IDENTITY_PROVIDERS = [slapd.provider(start_tls=True, **more)]
        assert enter(client, "ada").status_code == status
    away = f"ldap://127.0.0.1:{free_port()}"
    for more, status in (({"ca_file": str(slapd.certificate)}, 302), ({}, 503)):
        provider = msgspec.structs.replace(slapd.provider(**more), server=f"{away} {slapd.tls_url}")
        settings.IDENTITY_PROVIDERS = [provider]
        assert enter(Client(), "ada").status_code == status


def test_a_server_that_accepts_connections_and_is_silent_does_not_hold_the_page(
    client: Client, db: None, settings: Settings
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"ldaps://127.0.0.1:{silent.getsockname()[1]}"
        settings.IDENTITY_PROVIDERS = [Ldap(id="dir", server=server, base="dc=x", timeout_s=0.1)]

        assert enter(client, "ada").status_code == 503


def test_says_so_when_the_directory_is_away_and_local_accounts_still_work(
    client: Client, sign_in: SignIn, slapd: "Slapd", settings: Settings
) -> None:
    slapd.knows("ada", {})
    away: dict[str, Any] = {"server": f"ldap://127.0.0.1:{free_port()}", "bind_dn": "", "bind_password": ""}
    wrong_reader = {"server": slapd.url, "bind_dn": slapd.provider().bind_dn, "bind_password": "wrong"}
    nameless = {**wrong_reader, "bind_password": slapd.provider().bind_password, "subject": "employeeNumber"}
    for more in (away, wrong_reader, nameless):
        settings.IDENTITY_PROVIDERS = [Ldap(id="dir", name="Computing centre", base=slapd.provider().base, **more)]
        answer = enter(client, "ada")
        assertContains(answer, "Computing centre does not answer.", status_code=503)
        assert not is_signed_in(client)
    make_intern("intern")

    sign_in("intern")

    assert is_signed_in(client)


def test_tries_are_limited_and_a_success_does_not_count(client: Client, slapd: "Slapd") -> None:
    slapd.knows("ada", {})
    for _time in range(7):
        assert enter(client, "ada").status_code == 302
        client.logout()
        client.cookies.clear()
    answers = [enter(client, "ada", "wrong").status_code for _time in range(7)]

    assert answers[:5] == [422] * 5
    assert answers[-1] == 429


def test_a_recent_sign_in_is_confirmed_with_the_password_of_the_directory(
    client: Client, slapd: "Slapd", settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.FRESH_SIGN_IN_MINUTES = 15
    slapd.knows("ada", {})
    enter(client, "ada")
    ada = User.objects.get()
    session = client.session
    session[SIGNED_IN_AT] -= 3600
    session.save()

    def make(**more: str) -> Any:
        return client.post(reverse("api:tokens"), {"name": "x", "scopes": ["keys:write"], "days": "30", **more})

    asked = make()
    assertContains(asked, "Your password for Computing centre", status_code=403)
    assertNotContains(asked, "Sign in with", status_code=403)
    for wrong in ("of-somebody-else", "", "\0"):
        assertContains(make(fresh_password=wrong), "not your current password", status_code=422)
    refused = SignInRow.objects.get(outcome="password")
    assert (refused.user, refused.provider, refused.times) == (ada, "dir", 3)
    provider = slapd.provider()
    settings.IDENTITY_PROVIDERS = [msgspec.structs.replace(provider, server=f"ldap://127.0.0.1:{free_port()}")]
    assertContains(make(fresh_password=PASSWORD), "Computing centre does not answer", status_code=503)
    settings.IDENTITY_PROVIDERS = [provider]
    assert [make(fresh_password="wrong").status_code for _time in range(4)] == [422, 422, 422, 429]
    cache.clear()
    subject = SocialAccount.objects.get().uid
    SocialAccount.objects.update(uid="bo")  # unlinked, and linked again to somebody else
    assertContains(make(fresh_password=PASSWORD), "Sign in with Computing centre", status_code=422)
    SocialAccount.objects.update(uid=subject)
    assert make(fresh_password=PASSWORD).status_code == 201
    assert "of-somebody-else" not in caplog.text


def test_the_password_is_in_no_page_and_no_log(
    client: Client, slapd: "Slapd", caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    slapd.knows("ada", {})
    answers = [enter(client, "ada", "of-somebody-else")]
    settings.IDENTITY_PROVIDERS = [slapd.provider(start_tls=True)]
    answers.append(enter(client, "ada", "of-somebody-else"))

    assert all(b"of-somebody-else" not in answer.content for answer in answers)
    assert "of-somebody-else" not in caplog.text


def test_a_directory_elsewhere_needs_encryption(settings: Settings) -> None:
    for server, encrypts, errors in (
        ("ldap://ldap.example.edu", False, ["accounts.E003"]),
        ("ldap://ldap.example.edu", True, []),
        ("ldaps://ldap.example.edu", False, []),
        ("ldaps://ldap.example.edu ldap://ldap.example.edu", False, ["accounts.E003"]),
        ("ldaps://ldap.example.edu,ldap://ldap.example.edu", False, ["accounts.E003"]),
    ):
        settings.IDENTITY_PROVIDERS = [Ldap(id="dir", server=server, base="", start_tls=encrypts)]
        assert [error.id for error in passwords_are_sent_encrypted()] == errors


def test_a_refusal_takes_as_long_for_who_exists_as_for_who_does_not(slapd: "Slapd") -> None:
    from accounts.directory import authenticate

    slapd.knows("ada", {})
    provider = slapd.provider(refused_after_s=0.3)
    times = []
    for name in ("ada", "nobody"):
        began = time.monotonic()
        assert authenticate(provider, name, "wrong") is None
        times.append(time.monotonic() - began)

    assert min(times) >= 0.3
