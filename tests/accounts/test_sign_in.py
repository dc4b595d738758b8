"""The sign-in page: local accounts."""

import time

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts import limits
from accounts.adapters import MISMATCH
from accounts.models import User
from portal import settings as portal_settings
from portal.settings import BROWSER_COOKIE_NAME
from tests.accounts.signing_in import SignIn, is_signed_in
from tests.factories import PASSWORD, make_intern, make_user

LOGIN = "/account/login/"


def test_lets_in_by_user_name(client: Client, sign_in: SignIn, db: None) -> None:
    make_intern("intern")

    assertRedirects(sign_in("intern"), reverse("keys:index"), fetch_redirect_response=False)
    assert is_signed_in(client)


@pytest.mark.parametrize("login", ["ada@example.edu", "ADA@Example.edu", "Intern", "INTERN "])
def test_lets_in_by_address_and_in_any_case(client: Client, sign_in: SignIn, db: None, login: str) -> None:
    make_intern("intern", email="Ada@Example.edu")

    sign_in(login)

    assert is_signed_in(client)


def test_a_session_lasts_half_a_day(client: Client, sign_in: SignIn, db: None, settings: Settings) -> None:
    make_intern("intern")

    sign_in("intern")

    assert client.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == 12 * 3600


def test_deactivation_ends_all_sessions_at_once(client: Client, sign_in: SignIn, db: None) -> None:
    user = make_intern("intern")
    other = Client()
    other.force_login(user)
    sign_in("intern")
    assert is_signed_in(client)
    assert is_signed_in(other)

    User.objects.filter(pk=user.pk).update(is_active=False)

    assert [is_signed_in(browser) for browser in (client, other)] == [False, False]


def test_a_wrong_password_and_an_unknown_name_get_the_same_message(sign_in: SignIn, db: None) -> None:
    make_intern("intern", email="intern@example.edu")

    answers = [sign_in(login, "wrong") for login in ("intern", "nobody", "intern@example.edu", "nobody@example.edu")]

    for answer in answers:
        assertContains(answer, MISMATCH, status_code=422)
        assertNotContains(answer, "wrong", status_code=422)  # the password is not sent back


@pytest.mark.parametrize("login", ["", "x" * 5000, "a\x00b", "<b>", "ada@", "\u202eada", "🦆"])
def test_an_invalid_name_gets_a_readable_error(client: Client, sign_in: SignIn, db: None, login: str) -> None:
    assert sign_in(login).status_code == 422
    assert not is_signed_in(client)


def _wrong_tries(count: int, login: str = "intern", **headers: str) -> list[int]:
    """Return the statuses of so many tries with a wrong password, from a browser without cookies."""
    data = {"login": login, "password": "wrong"}
    return [Client().post(LOGIN, data, headers=headers).status_code for _try in range(count)]


def test_slows_down_guessing_at_one_account(
    client: Client, sign_in: SignIn, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_intern("intern")
    assert _wrong_tries(8) == [422] * 6 + [429] * 2

    assertContains(sign_in("intern"), "Wait a minute, then try again.", status_code=429)
    assert not is_signed_in(client)
    soon = time.time() + 31
    monkeypatch.setattr(time, "time", lambda: soon)
    sign_in("intern")

    assert is_signed_in(client)


def test_a_person_can_sign_in_after_five_wrong_tries(client: Client, sign_in: SignIn, db: None) -> None:
    make_intern("intern")
    _wrong_tries(5)

    sign_in("intern")

    assert is_signed_in(client)


def test_a_person_can_sign_in_while_a_stranger_guesses_elsewhere(client: Client, db: None, settings: Settings) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    make_intern("intern")
    assert _wrong_tries(8, **{"X-Forwarded-For": "10.0.0.1"})[-1] == 429

    client.post(LOGIN, {"login": "intern", "password": PASSWORD}, headers={"X-Forwarded-For": "10.0.0.2"})

    assert is_signed_in(client)


def test_a_known_browser_can_sign_in_while_neighbours_guess(
    client: Client, sign_in: SignIn, rf: RequestFactory, db: None
) -> None:
    """Behind one address, as in a course; with 70 tries a minute the address itself is slowed down as well."""
    make_intern("intern")
    sign_in("intern")
    client.post(reverse("account_logout"))
    assert _wrong_tries(8)[-1] == 429
    assert not all(limits.begin_try(rf.post(LOGIN), f"other-{number}") for number in range(62))

    sign_in("INTERN")

    assert is_signed_in(client)


def test_a_known_browser_counts_for_its_own_account_only(client: Client, sign_in: SignIn, db: None) -> None:
    make_intern("intern")
    make_intern("victim")
    sign_in("intern")
    client.post(reverse("account_logout"))
    _wrong_tries(8, "victim")

    assert sign_in("victim").status_code == 429
    client.cookies[BROWSER_COOKIE_NAME] = client.cookies[BROWSER_COOKIE_NAME].value + "x"
    _wrong_tries(8, "intern")
    assert sign_in("intern").status_code == 429  # forged


def test_slows_down_guessing_at_one_account_from_many_addresses(
    db: None, settings: Settings, rf: RequestFactory
) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    for number in range(301):
        request = rf.post(LOGIN, headers={"X-Forwarded-For": f"10.0.{number % 100}.1"})
        assert limits.begin_try(request, f"intern{' ' * (number % 2)}")

    refused = rf.post(LOGIN, headers={"X-Forwarded-For": "10.1.0.1"})
    assert limits.begin_try(refused, "Intern") is None
    assert limits.begin_try(refused, "another")


def test_another_host_name_does_not_reset_the_count(client: Client, db: None, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    make_intern("intern")
    hosts = [f"{name}.example.edu" for name in ("portal", "PORTAL", "evil", "10-0-0-1")]

    statuses = [_wrong_tries(2, Host=host) for host in hosts]

    assert statuses == [[422] * 2] * 3 + [[429] * 2]


def test_another_account_cannot_take_over_the_name_of_a_person(client: Client, sign_in: SignIn, db: None) -> None:
    """Neither by an address that they are only changing to, nor by taking the address for a user name."""
    mallory = make_user("mallory")
    EmailAddress.objects.create(user=mallory, email="intern@example.edu", verified=False)
    make_intern("intern", email="intern@example.edu")

    sign_in("Intern@example.edu")

    assert client.session["_auth_user_id"] == str(User.objects.get(username="intern").pk)


def test_logs_a_wrong_try_without_what_was_typed(sign_in: SignIn, db: None, caplog: pytest.LogCaptureFixture) -> None:
    intern = make_intern("intern")

    sign_in("my secret passw0rd", "intern")  # in the wrong field
    sign_in("intern", "my secret passw0rd")

    assert "no account of that name" in caplog.text
    assert f"account {intern.pk}" in caplog.text
    assert "secret" not in caplog.text


def test_others_can_sign_in_meanwhile(client: Client, sign_in: SignIn, db: None) -> None:
    make_intern("intern")
    for _attempt in range(8):
        sign_in("nobody", "wrong")

    sign_in("intern")

    assert is_signed_in(client)


def test_a_class_behind_one_address_can_sign_in(client: Client, sign_in: SignIn, db: None) -> None:
    make_intern("intern")
    for number in range(99):  # what counts is that a form came; few are filled in, so that the test is quick
        client.post(LOGIN, {"login": f"student-{number}", "password": "mistyped" if number % 3 == 0 else ""})

    sign_in("intern")

    assert is_signed_in(client)


def test_blocks_an_address_that_tries_many_names(sign_in: SignIn, db: None) -> None:
    answers = [sign_in(f"nobody-{number}", "wrong") for number in range(61)]

    assert {answer.status_code for answer in answers[:60]} == {422}
    assert answers[60].status_code == 429


def test_blocks_an_address_with_too_many_tries(client: Client, db: None, settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "3/m/ip"}

    answers = [client.post(LOGIN, {"login": "nobody"}) for _attempt in range(4)]

    assert {answer.status_code for answer in answers[:3]} == {422}
    assertContains(answers[3], "Wait a minute, then try again.", status_code=429)
    assertContains(answers[3], "<main", status_code=429)  # in the layout


def test_counts_the_address_that_the_proxy_reports(client: Client, db: None, settings: Settings) -> None:
    settings.TRUSTED_PROXY_COUNT, settings.ACCOUNT_RATE_LIMITS = 1, {"login": "3/m/ip"}

    def status_of_a_try_from(forwarded: str) -> int:
        return client.post(LOGIN, {"login": "nobody"}, headers={"X-Forwarded-For": forwarded}).status_code

    for _attempt in range(3):
        assert status_of_a_try_from("10.0.0.1") == 422

    assert status_of_a_try_from("10.0.0.2, 10.0.0.1") == 429
    assert status_of_a_try_from("10.0.0.1, 10.0.0.2") == 422
    assert status_of_a_try_from("no address") == 422


def test_a_password_of_an_earlier_release_lets_in_and_is_hashed_anew(
    client: Client, sign_in: SignIn, db: None, settings: Settings
) -> None:
    settings.PASSWORD_HASHERS = portal_settings.PASSWORD_HASHERS
    person = make_intern("intern")
    person.password = make_password(PASSWORD, hasher="pbkdf2_sha256")
    person.save(update_fields=["password"])

    sign_in("intern")

    person.refresh_from_db()
    assert is_signed_in(client)
    assert person.password.startswith("argon2$argon2id$v=19$m=7168,t=5,p=1$")


def test_an_inactive_person_cannot_sign_in_and_reads_why(client: Client, sign_in: SignIn, db: None) -> None:
    make_intern("intern", is_active=False)

    answer = sign_in("intern")

    assertRedirects(answer, reverse("account_inactive"), fetch_redirect_response=False)
    assertContains(client.get(answer.url), "Your account is inactive")
    assert not is_signed_in(client)


def test_a_wrong_password_does_not_reveal_that_a_person_is_inactive(sign_in: SignIn, db: None) -> None:
    make_intern("intern", is_active=False)

    assertContains(sign_in("intern", "wrong"), MISMATCH, status_code=422)


def test_ends_the_sessions_of_a_person_who_is_made_inactive(client: Client, sign_in: SignIn, db: None) -> None:
    intern = make_intern("intern")
    sign_in("intern")

    intern.is_active = False
    intern.save(update_fields=["is_active"])

    assertRedirects(client.get("/"), f"{LOGIN}?next=/", fetch_redirect_response=False)


@pytest.mark.parametrize("target", ["/usage/", "/models/?q=small"])
def test_redirects_to_the_requested_page(client: Client, sign_in: SignIn, db: None, target: str) -> None:
    make_intern("intern")

    assertContains(client.get(LOGIN, {"next": target}), f'name="next" value="{target}"')
    assertRedirects(sign_in("intern", next=target), target, fetch_redirect_response=False)


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "http:evil.example", "\x00"],
)
def test_redirects_to_the_portal_only(client: Client, sign_in: SignIn, db: None, target: str) -> None:
    make_intern("intern")

    assertRedirects(sign_in("intern", next=target), reverse("keys:index"), fetch_redirect_response=False)
    client.get(LOGIN, {"next": target})  # signed in by now
    assertRedirects(client.get(LOGIN, {"next": target}), reverse("keys:index"), fetch_redirect_response=False)


def test_a_sign_in_renews_the_session_key(client: Client, sign_in: SignIn, db: None) -> None:
    make_intern("intern")
    client.session["planted"] = "yes"
    client.session.save()
    before = client.session.session_key

    sign_in("intern")

    assert client.session.session_key != before


def test_asks_before_signing_out_and_does_it_by_post_only(as_intern: Client) -> None:
    assertContains(as_intern.get(reverse("account_logout")), "Sign out?")
    assert is_signed_in(as_intern)

    assertRedirects(as_intern.post(reverse("account_logout")), LOGIN, fetch_redirect_response=False)
    assert not is_signed_in(as_intern)


def test_refuses_a_sign_in_from_a_foreign_page(db: None) -> None:
    make_intern("intern")
    strict = Client(enforce_csrf_checks=True)

    assert strict.post(LOGIN, {"login": "intern", "password": PASSWORD}).status_code == 403
    assert not is_signed_in(strict)


def test_offers_neither_sign_up_nor_an_institution_unless_there_is_one(client: Client, db: None) -> None:
    page = client.get(LOGIN)

    assertContains(page, "No account? Contact the administrators.")
    assertNotContains(page, "/signup/")
    assertNotContains(page, "/oidc/")


@pytest.mark.parametrize(
    "path",
    [
        "signup/passkey/",
        "login/code/",
        "reauthenticate/",
        "3rdparty/",
        "3rdparty/signup/",
        "phone/change/",
        "social/signup/",
        "oidc/institution/login/",
        "oidc/institution/login/callback/",
        "oidc/other/login/",
    ],
)
def test_only_the_offered_routes_exist(as_intern: Client, path: str) -> None:
    assert as_intern.get(f"/account/{path}").status_code == 404


def test_keeps_user_names_and_addresses_apart_whatever_their_case(db: None) -> None:
    make_user("ada", email="ada@example.edu")

    for username, email in (("ADA", "other@example.edu"), ("other", "ADA@example.edu")):
        with pytest.raises(IntegrityError), transaction.atomic():
            make_user(username, email=email)
    make_user("first", email="")
    make_user("second", email="")  # none is not the same
