"""A person's own account: password, forgotten password, address, and sign-up if it is open."""

import re
import socket
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from celery import current_app
from django.core import mail
from django.test import Client, RequestFactory
from django.urls import reverse
from kombu.exceptions import OperationalError
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts import mails, tasks
from accounts.adapters import AccountAdapter
from accounts.models import User
from tests.accounts.signing_in import SignIn, is_signed_in
from tests.conftest import signed_in
from tests.factories import PASSWORD, make_intern, make_user
from tests.tasks import run_tasks, waiting_tasks

NEW = "quite another password"


def _link(message: mail.EmailMessage) -> str:
    found = re.search(r"http://127.0.0.1:8000(/\S+)", str(message.body))  # PORTAL_URL, whatever the Host header says
    assert found
    return found[1]


def _change(client: Client, old: str, new: str, again: str | None = None) -> int:
    data = {"oldpassword": old, "password1": new, "password2": again or new}
    return client.post(reverse("account_change_password"), data).status_code


def test_a_password_change_ends_all_other_sessions(intern: User, sign_in: SignIn) -> None:
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


def test_shows_the_password_rules_as_sentences(as_intern: Client) -> None:
    page = as_intern.get(reverse("account_change_password"))

    assertContains(page, "at least 8 characters")
    assertNotContains(page, "placeholder=")


def test_people_of_the_institution_learn_that_their_password_is_not_here(as_intern: Client, intern: User) -> None:
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
    run_tasks()
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
    run_tasks()
    assert mail.outbox == []


def test_sends_no_link_to_an_inactive_person(client: Client, db: None) -> None:
    make_intern(email="intern@example.edu", is_active=False)

    client.post(reverse("account_reset_password"), {"email": "intern@example.edu"})
    run_tasks()

    assert mail.outbox == []


def test_sends_few_links_to_one_address(client: Client, db: None) -> None:
    make_intern(email="intern@example.edu")
    answers = [client.post(reverse("account_reset_password"), {"email": "intern@example.edu"}) for _ in range(6)]

    assert answers[5].status_code == 429
    assert len(run_tasks()) == len(mail.outbox) == 5


@pytest.mark.parametrize("key", ["1-bad", "zzzzzzzzzzzzzzzzzzzzzzzz-x", "0-set-password", "1-" + "x" * 3000])
def test_refuses_a_link_that_is_not_ours(client: Client, db: None, key: str) -> None:
    assertContains(client.get(f"/account/password/reset/key/{key}/"), "This link does not work any more")


def test_says_the_same_while_the_mail_server_hangs_and_sends_the_link_when_it_is_back(
    client: Client, db: None, settings: Settings
) -> None:
    """No page speaks to the mail server: it could hang for minutes, and for known addresses only."""
    locmem = settings.EMAIL_BACKEND
    make_intern(email="intern@example.edu")
    with socket.create_server(("127.0.0.1", 0)) as hanging:  # takes connections, and never says a word
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = hanging.getsockname()
        settings.EMAIL_TIMEOUT = 0.2

        asked = client.post(reverse("account_reset_password"), {"email": "intern@example.edu"})

        assertRedirects(asked, reverse("account_reset_password_done"), fetch_redirect_response=False)
        [(name, arguments)] = waiting_tasks()
        hanging.setblocking(False)
        with pytest.raises(BlockingIOError):
            hanging.accept()
        with pytest.raises(OSError, match="timed out") as failure:
            mails.send_mail(*arguments)
    assert name == tasks.send_mail.name
    assert isinstance(failure.value, tasks.send_mail.autoretry_for)  # type: ignore[attr-defined]  # of the decorator
    settings.EMAIL_BACKEND = locmem
    mails.send_mail(*arguments)

    assert is_known_link(_link(mail.outbox[0]))


def is_known_link(link: str) -> bool:
    return "This link does not work any more" not in Client().get(link, follow=True).content.decode()


def test_reports_that_no_worker_can_send_a_mail(
    client: Client, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For an address that nobody has as well: else the answer would tell."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OperationalError

    make_intern(email="intern@example.edu")
    monkeypatch.setattr(current_app, "send_task", refuse)
    for email in ("intern@example.edu", "nobody@example.edu"):
        answer = client.post(reverse("account_reset_password"), {"email": email})

        assertContains(answer, "The mail could not be sent", status_code=503)


def test_changes_the_address_when_the_new_one_is_confirmed(as_intern: Client, intern: User) -> None:
    as_intern.post(reverse("account_email"), {"email": "New@Example.edu", "action_add": "1"})
    intern.refresh_from_db()
    assert intern.email == "intern@example.edu"
    assertContains(as_intern.get(reverse("account_email")), "new@example.edu")
    run_tasks()
    link = _link(mail.outbox[0])
    assertContains(as_intern.get(link), "Is new@example.edu the address of Intern A?")
    intern.refresh_from_db()
    assert intern.email == "intern@example.edu"  # looking is not confirming

    as_intern.post(link)

    intern.refresh_from_db()
    assert intern.email == "new@example.edu"


def test_a_get_of_the_address_page_writes_nothing(as_intern: Client, intern: User) -> None:
    assertContains(as_intern.get(reverse("account_email")), "Your address is <b>intern@example.edu</b>.")

    assert not EmailAddress.objects.filter(user=intern).exists()


def test_gives_nobody_the_address_of_somebody_else(as_intern: Client, intern: User) -> None:
    make_user(email="taken@example.edu")

    as_intern.post(reverse("account_email"), {"email": "taken@example.edu", "action_add": "1"})
    run_tasks()
    for message in mail.outbox:
        as_intern.post(_link(message))

    intern.refresh_from_db()
    assert intern.email == "intern@example.edu"


def test_keeps_the_present_address_when_the_change_is_cancelled(as_intern: Client, intern: User) -> None:
    as_intern.post(reverse("account_email"), {"email": "new@example.edu", "action_add": "1"})

    as_intern.post(reverse("account_email"), {"email": "new@example.edu", "action_remove": "1"})

    intern.refresh_from_db()
    assert intern.email == "intern@example.edu"
    assertNotContains(as_intern.get(reverse("account_email")), "new@example.edu</b>")


def test_refuses_an_invalid_address(as_intern: Client, intern: User) -> None:
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


def test_sign_up_is_closed_on_every_route(rf: RequestFactory) -> None:
    assert not AccountAdapter().is_open_for_signup(rf.get("/"))


@pytest.mark.usefixtures("_open_sign_up")
def test_a_new_person_signs_in_after_confirming_the_address(client: Client, sign_in: SignIn) -> None:
    assertContains(client.get(reverse("account_login")), reverse("account_signup"))
    assert client.get(reverse("account_signup")).status_code == 200

    signed_up = client.post(reverse("account_signup"), SIGN_UP)
    assertRedirects(signed_up, reverse("account_email_verification_sent"))
    assert not is_signed_in(client)
    sign_in("newcomer", NEW)
    assert not is_signed_in(client)
    run_tasks()
    client.post(_link(mail.outbox[0]))
    sign_in("newcomer", NEW)

    assert is_signed_in(client)
    assert not User.objects.get(username="newcomer").is_staff


@pytest.mark.usefixtures("_open_sign_up")
def test_sign_up_does_not_reveal_that_an_address_is_taken(client: Client) -> None:
    make_user("ada", email="new@example.edu")

    signed_up = client.post(reverse("account_signup"), SIGN_UP)

    assertRedirects(signed_up, reverse("account_email_verification_sent"))
    run_tasks()
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
@pytest.mark.parametrize(
    "change",
    [{"username": ""}, {"username": "a b"}, {"username": "ada@example.edu"}, {"email": "x"}, {"password2": "other"}],
)
def test_refuses_a_sign_up_with_something_wrong(client: Client, change: dict[str, str]) -> None:
    assert client.post(reverse("account_signup"), SIGN_UP | change).status_code == 422
    assert not User.objects.exists()


# --- News of one's account ------------------------------------------------------------------------
def _news() -> list[tuple[list[str], str]]:
    """Return to whom mails went, and about what."""
    run_tasks()
    return [(message.to, message.subject.removeprefix("[Passerelle] ")) for message in mail.outbox]


def test_notifies_a_person_of_a_password_change(as_intern: Client) -> None:
    _change(as_intern, "wrong", NEW)
    assert _news() == []

    _change(as_intern, PASSWORD, NEW)

    assert _news() == [(["intern@example.edu"], "Your password was changed")]
    assert "from the network address 127.0.0.1" in mail.outbox[0].body
    assert "http://127.0.0.1:8000/account/password/reset/" in mail.outbox[0].body
    assert NEW not in mail.outbox[0].body


def test_notifies_a_person_of_a_password_reset(client: Client, intern: User) -> None:
    client.post(reverse("account_reset_password"), {"email": intern.email})
    run_tasks()
    form = client.get(_link(mail.outbox.pop()), follow=True)

    client.post(form.request["PATH_INFO"], {"password1": NEW, "password2": NEW})

    assert _news() == [(["intern@example.edu"], "Your password was changed")]


def test_notifies_the_former_address_of_a_change(as_intern: Client) -> None:
    as_intern.post(reverse("account_email"), {"email": "new@example.edu", "action_add": "1"})
    run_tasks()
    link = _link(mail.outbox.pop())
    assert _news() == []

    as_intern.post(link)

    assert _news() == [(["intern@example.edu"], "Your e-mail address was changed")]
    assert "new@example.edu" in mail.outbox[0].body


def test_writes_in_the_language_in_which_the_person_reads(client: Client, sign_in: SignIn, db: None) -> None:
    """Also when somebody with another language asks for the mail."""
    make_intern("intern", email="intern@example.edu")
    client.cookies["language"] = "fr"
    sign_in("intern")

    Client().post(reverse("account_reset_password"), {"email": "intern@example.edu"}, headers={"Accept-Language": "en"})

    assert _news() == [(["intern@example.edu"], "Choisir un nouveau mot de passe")]
    assert "Bonjour Intern A" in mail.outbox[0].body


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_mail_has_a_subject_and_a_text(intern: User, language: str) -> None:
    address = EmailAddress.objects.create(user=intern, email="new@example.edu")
    for kind in mails.KINDS:
        details = {"address_id": address.pk} if kind.startswith("email_confirmation") else {}
        at = {"at": "2026-11-28T10:00:00+00:00", "ip": "10.0.0.1", "by": "Admin C", "new": "new@example.edu"}

        assert mails.send_mail(kind, intern.pk, language, at | details)

        message = mail.outbox.pop()
        assert ("Bonjour" in message.body) == (language == "fr" and kind != "account_already_exists")
        assert "http://127.0.0.1:8000" in message.body
        assert "%(" not in message.body
