"""Sign-in, accounts, administration and error pages in French."""

import pytest
from django.core import mail
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from pytest_django import Settings

from accounts.models import AuditEntry, Policy, User
from tests.accounts.signing_in import point_at
from tests.accounts.test_policy_admin import policy_form
from tests.factories import PASSWORD, make_user
from tests.french.conftest import Read, in_french
from tests.french.reading import Reader, english_in, prose_of
from tests.keys.actions import issue
from tests.portal.routes import every_route
from tests.ports import free_port
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks

pytestmark = pytest.mark.django_db
SIGN_UP = {"username": "newcomer", "email": "new@example.edu", "password1": "a good long one", "password2": "other"}


@pytest.mark.parametrize("method", ["get", "post"])
def test_every_route(staff: User, sandbox: Sandbox, read: Read, method: str) -> None:
    """Visit every address, signed in and not; a form sent empty says what is missing."""
    key = issue(staff).key
    pages = 0
    for route in every_route():
        for browser in (in_french(), in_french(staff)):
            answer = getattr(browser, method)(route.for_key(key.id))
            if not answer.streaming and answer.content and "html" in answer["Content-Type"]:
                read(answer)
                pages += 1
    assert pages > 10


@pytest.mark.parametrize("wrong", [("short", "short"), ("12345678", "12345678"), ("password", "pass"), ("staff", "")])
def test_a_refused_password(staff: User, read: Read, wrong: tuple[str, str]) -> None:
    form = {"oldpassword": "not mine", "password1": wrong[0], "password2": wrong[1]}

    answer = in_french(staff).post("/account/password/change/", form)

    assert answer.status_code == 422
    read(answer)


def test_a_refused_sign_in_and_too_many(staff: User, read: Read) -> None:
    for _ in range(12):
        answer = in_french().post("/account/login/", {"login": "staff", "password": "wrong"})
        read(answer)
    assert answer.status_code == 429


def test_signing_out_and_a_changed_password_say_so(staff: User, read: Read) -> None:
    browser = in_french(staff)
    form = {"oldpassword": PASSWORD, "password1": "a good long one", "password2": "a good long one"}

    assert "Votre mot de passe est changé." in read(browser.post("/account/password/change/", form, follow=True))
    assert "Votre session est fermée." in read(browser.post("/account/logout/", follow=True))


def test_a_change_of_address(staff: User, read: Read) -> None:
    browser = in_french(staff)
    make_user("other", email="taken@example.edu")

    for address in ("nowhere", "staff@example.edu", "taken@example.edu", "new@example.edu"):
        read(browser.post("/account/email/", {"email": address, "action_add": "1"}, follow=True))
    read(browser.get("/account/email/"))

    run_tasks()
    (message,) = (message for message in mail.outbox if message.to == ["new@example.edu"])
    assert english_in(f"{message.subject} {message.body}") == []
    where = next(word for word in str(message.body).split() if word.startswith("http"))
    read(browser.get(where))
    assert "new@example.edu est confirmée." in read(browser.post(where, follow=True))


def test_a_forgotten_password(staff: User, read: Read) -> None:
    browser = in_french()

    read(browser.post("/account/password/reset/", {"email": "staff@example.edu"}, follow=True))

    run_tasks()
    (message,) = mail.outbox
    assert english_in(f"{message.subject} {message.body}") == []
    where = next(word for word in str(message.body).split() if word.startswith("http"))
    answer = browser.get(where, follow=True)
    read(answer)
    read(browser.post(answer.redirect_chain[-1][0], {"password1": "short", "password2": "other"}))


@pytest.mark.parametrize("change", [{}, {"username": "a b"}, {"email": "x"}, {"username": "staff"}, {"password1": "x"}])
def test_signing_up(staff: User, settings: Settings, read: Read, change: dict[str, str]) -> None:
    settings.SIGNUP_OPEN = True

    read(in_french().get("/account/login/"))
    read(in_french().get("/account/signup/"))
    read(in_french().post("/account/signup/", SIGN_UP | change))


def test_an_institution_that_does_not_answer(settings: Settings, read: Read) -> None:
    point_at(settings, f"http://127.0.0.1:{free_port()}")

    read(in_french().get("/account/login/"))
    assert "Votre établissement ne répond pas" in read(in_french().get("/account/oidc/institution/login/"))


@pytest.mark.parametrize(
    "name",
    [
        *("account/signup_closed.html", "account/mail_failed.html", "socialaccount/authentication_error.html"),
        *("400.html", "403.html", "404.html", "429.html", "500.html"),
    ],
)
def test_error_pages(reader: Reader, name: str) -> None:
    with translation.override("fr"):
        words = prose_of(HttpResponse(render_to_string(name)))
    assert english_in(words) == []


def test_a_form_that_is_too_old(read: Read) -> None:
    answer = in_french(enforce_csrf_checks=True).post("/account/login/")

    assert answer.status_code == 403
    assert "Ce formulaire a expiré" in read(answer)


def test_the_administration(admin: User, staff: User, sandbox: Sandbox, read: Read) -> None:
    issue(staff)
    policy, entry = Policy.objects.earliest("pk"), AuditEntry.objects.earliest("pk")
    browser = in_french(admin)

    pages = [
        *(
            "",
            "accounts/user/",
            "accounts/user/add/",
            "accounts/policy/",
            "accounts/policy/add/",
            "accounts/auditentry/",
        ),
        *(f"accounts/policy/{policy.pk}/change/", f"accounts/auditentry/{entry.pk}/change/", "auth/group/"),
        *("account/emailaddress/", "account/emailaddress/add/", "socialaccount/socialaccount/"),
    ]
    for page in pages:
        read(browser.get(f"/admin/{page}"))
    anonymise = f"/admin/accounts/user/{staff.pk}/anonymise/"
    assert "Supprimé définitivement" in read(browser.get(anonymise))
    assert "Anonymisé : le compte s’appelle maintenant" in read(browser.post(anonymise, follow=True))
    assert "Rien n’a changé" in read(browser.post(anonymise, follow=True))
    refused = browser.post(
        "/admin/accounts/policy/add/", policy_form(personal__all_models=None, playground__lifetime_days="0")
    )
    assert "Indiquez au moins un modèle" in read(refused)
