"""One's own account: password, forgotten password, address, and sign-up where it is open."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.adapters import AccountAdapter
from accounts.models import User
from tests.accounts.conftest import SignIn, is_signed_in
from tests.conftest import signed_in
from tests.factories import PASSWORD, make_intern, make_user

NEW = "quite another password"


def _link(message: mail.EmailMessage) -> str:
    found = re.search(r"http://testserver(/\S+)", str(message.body))
    assert found
    return found[1]


def _change(client: Client, old: str, new: str, again: str | None = None) -> int:
    data = {"oldpassword": old, "password1": new, "password2": again or new}
    return client.post(reverse("account_change_password"), data).status_code


def test_changes_the_password_and_keeps_one_signed_in_here_only(intern: User, sign_in: SignIn) -> None:
    here, elsewhere = signed_in(intern), signed_in(intern)

    assert _change(here, PASSWORD, NEW) == 302

    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)
    assert sign_in("intern", PASSWORD).status_code == 422
    assert sign_in("intern", NEW).status_code == 302


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [("wrong", NEW, NEW), (PASSWORD, "short", "short"), (PASSWORD, "password123", "password123"), (PASSWORD, NEW, "x")],
)
def test_refuses_a_password_change(as_intern: Client, intern: User, old: str, new: str, again: str) -> None:
    assert _change(as_intern, old, new, again) == 422

    intern.refresh_from_db()
    assert intern.check_password(PASSWORD)


def test_tells_the_rules_of_passwords_as_sentences(as_intern: Client) -> None:
    page = as_intern.get(reverse("account_change_password"))

    assertContains(page, "at least 8 characters")
    assertNotContains(page, "placeholder=")


def test_tells_people_of_the_institution_that_their_password_is_not_here(as_intern: Client, intern: User) -> None:
    intern.set_unusable_password()
    intern.save()
    client = signed_in(intern)

    answer = client.get(reverse("account_change_password"), follow=True)

    assertContains(answer, "You sign in with your institution’s account")
    assert client.post(reverse("account_set_password"), {"password1": NEW, "password2": NEW}).status_code == 405


def test_sends_a_link_that_changes_a_forgotten_password_once(client: Client, sign_in: SignIn, db: None) -> None:
    make_intern("intern", email="intern@example.edu")

    asked = client.post(reverse("account_reset_password"), {"email": "Intern@Example.edu"})
    assertRedirects(asked, reverse("account_reset_password_done"), fetch_redirect_response=False)
    [message] = mail.outbox
    assert message.to == ["intern@example.edu"]
    assert message.subject == "[Passerelle] Choose a new password"
    assert "Hello Intern A" in message.body
    link = _link(message)
    form = client.get(link, follow=True)
    assert link not in form.request["PATH_INFO"]  # the token has left the address
    changed = client.post(form.request["PATH_INFO"], {"password1": NEW, "password2": NEW})

    assertRedirects(changed, reverse("account_reset_password_from_key_done"), fetch_redirect_response=False)
    assert sign_in("intern", NEW).status_code == 302
    assertContains(Client().get(link), "This link does not work any more")


def test_answers_the_same_for_an_address_that_nobody_has(client: Client, db: None) -> None:
    asked = client.post(reverse("account_reset_password"), {"email": "nobody@example.edu"})

    assertRedirects(asked, reverse("account_reset_password_done"), fetch_redirect_response=False)
    assert mail.outbox == []


def test_sends_no_link_to_an_inactive_person(client: Client, db: None) -> None:
    make_intern(email="intern@example.edu", is_active=False)

    client.post(reverse("account_reset_password"), {"email": "intern@example.edu"})

    assert mail.outbox == []


def test_sends_few_links_to_one_address(client: Client, db: None) -> None:
    make_intern(email="intern@example.edu")
    answers = [client.post(reverse("account_reset_password"), {"email": "intern@example.edu"}) for _ in range(6)]

    assert answers[5].status_code == 429
    assert len(mail.outbox) == 5


@pytest.mark.parametrize("key", ["1-bad", "zzzzzzzzzzzzzzzzzzzzzzzz-x", "0-set-password", "1-" + "x" * 3000])
def test_refuses_a_link_that_is_not_ours(client: Client, db: None, key: str) -> None:
    assertContains(client.get(f"/account/password/reset/key/{key}/"), "This link does not work any more")


def test_tells_when_no_mail_can_be_sent(client: Client, db: None, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # where nobody listens
    make_intern(email="intern@example.edu")

    answer = client.post(reverse("account_reset_password"), {"email": "intern@example.edu"})

    assertContains(answer, "The mail could not be sent", status_code=503)


def test_changes_the_address_when_the_new_one_is_confirmed(as_intern: Client, intern: User) -> None:
    as_intern.post(reverse("account_email"), {"email": "New@Example.edu", "action_add": "1"})
    intern.refresh_from_db()
    assert intern.email == "intern@example.edu"
    assertContains(as_intern.get(reverse("account_email")), "new@example.edu")
    link = _link(mail.outbox[0])
    assertContains(as_intern.get(link), "Is new@example.edu the address of Intern A?")
    intern.refresh_from_db()
    assert intern.email == "intern@example.edu"  # looking is not confirming

    as_intern.post(link)

    intern.refresh_from_db()
    assert intern.email == "new@example.edu"


def test_writes_nothing_when_one_only_looks_at_the_address(as_intern: Client, intern: User) -> None:
    assertContains(as_intern.get(reverse("account_email")), "Your address is <b>intern@example.edu</b>.")

    assert not EmailAddress.objects.filter(user=intern).exists()


def test_gives_nobody_the_address_of_somebody_else(as_intern: Client, intern: User) -> None:
    make_user(email="taken@example.edu")

    as_intern.post(reverse("account_email"), {"email": "taken@example.edu", "action_add": "1"})
    for message in mail.outbox:
        as_intern.post(_link(message))

    intern.refresh_from_db()
    assert intern.email == "intern@example.edu"


def test_keeps_the_present_address_when_one_thinks_better_of_it(as_intern: Client, intern: User) -> None:
    as_intern.post(reverse("account_email"), {"email": "new@example.edu", "action_add": "1"})

    as_intern.post(reverse("account_email"), {"email": "new@example.edu", "action_remove": "1"})

    intern.refresh_from_db()
    assert intern.email == "intern@example.edu"
    assertNotContains(as_intern.get(reverse("account_email")), "new@example.edu</b>")


def test_refuses_what_is_no_address(as_intern: Client, intern: User) -> None:
    answer = as_intern.post(reverse("account_email"), {"email": "no address", "action_add": "1"})

    assert answer.status_code == 422


SIGN_UP = {"username": "newcomer", "email": "new@example.edu", "password1": NEW, "password2": NEW}


@pytest.fixture
def _open_sign_up(settings: Settings, db: None) -> None:
    settings.SIGNUP_OPEN = True
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"


@pytest.mark.parametrize("method", ["get", "post"])
def test_has_no_sign_up_unless_it_is_open(client: Client, db: None, method: str) -> None:
    assert getattr(client, method)(reverse("account_signup"), SIGN_UP).status_code == 404
    assert not User.objects.exists()


def test_is_closed_to_newcomers_on_any_other_way_too(rf: RequestFactory) -> None:
    assert not AccountAdapter().is_open_for_signup(rf.get("/"))


@pytest.mark.usefixtures("_open_sign_up")
def test_lets_a_newcomer_in_after_they_confirmed_their_address(client: Client, sign_in: SignIn) -> None:
    assertContains(client.get(reverse("account_login")), reverse("account_signup"))
    assert client.get(reverse("account_signup")).status_code == 200

    signed_up = client.post(reverse("account_signup"), SIGN_UP)
    assertRedirects(signed_up, reverse("account_email_verification_sent"))
    assert not is_signed_in(client)
    sign_in("newcomer", NEW)
    assert not is_signed_in(client)
    client.post(_link(mail.outbox[0]))
    sign_in("newcomer", NEW)

    assert is_signed_in(client)
    assert not User.objects.get(username="newcomer").is_staff


@pytest.mark.usefixtures("_open_sign_up")
def test_does_not_tell_a_newcomer_whose_address_is_taken(client: Client) -> None:
    make_user("ada", email="new@example.edu")

    signed_up = client.post(reverse("account_signup"), SIGN_UP)

    assertRedirects(signed_up, reverse("account_email_verification_sent"))
    assert [message.subject for message in mail.outbox] == ["[Passerelle] You have an account already"]
    assert User.objects.count() == 1


@pytest.mark.usefixtures("_open_sign_up")
def test_asks_nobody_to_confirm_what_an_admin_wrote(client: Client, sign_in: SignIn) -> None:
    make_intern("intern")
    make_intern("quiet", email="")

    for username in ("intern", "quiet"):
        sign_in(username)
        assert is_signed_in(client)
        client.logout()


@pytest.mark.usefixtures("_open_sign_up")
@pytest.mark.parametrize("change", [{"username": ""}, {"username": "a b"}, {"email": "x"}, {"password2": "other"}])
def test_refuses_a_sign_up_with_something_wrong(client: Client, change: dict[str, str]) -> None:
    assert client.post(reverse("account_signup"), SIGN_UP | change).status_code == 422
    assert not User.objects.exists()
