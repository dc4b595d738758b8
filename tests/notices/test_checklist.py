"""The checklist of the first day: computed from what is there, until somebody dismisses it."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Invitation, SetupState, User
from keys.models import GatewayModel, GatewayState
from notices.checklist import steps
from tests.conftest import signed_in
from tests.factories import make_user
from tests.keys.views.pages import words_of
from tests.people.conftest import with_permissions
from tests.ports import free_port

PAGE, MAIL = "/setup/", "/setup/mail/"


@pytest.fixture
def as_builder(db: None) -> Client:
    """Return the browser of somebody who sets the portal up, and has no other permission."""
    return signed_in(with_permissions("builder", "set_up_portal"))


def done() -> set[str]:
    return {step.id for step in steps(SetupState.load()) if step.is_done}


def test_each_step_is_computed_from_the_present_state(admin: User, settings: Settings) -> None:
    settings.PORTAL_BUDGET_USD = None
    assert done() == set()

    now = timezone.now()
    GatewayState.objects.update(checked_at=now, ok_at=now)
    assert done() == {"gateway"}
    GatewayModel.objects.create(name="small")
    settings.PORTAL_BUDGET_USD = Decimal(500)
    assert done() == {"gateway", "models", "budget"}
    person = make_user("first", last_login=now)
    Invitation.objects.create(person=person)
    assert done() == {"gateway", "models", "budget", "sign-in", "invitation"}
    settings.OIDC_ISSUER = "https://sso.example.edu/"
    assert "sign-in" not in done(), "nobody has signed in with it"
    SocialAccount.objects.create(user=person, provider="institution", uid="1")
    assert "sign-in" in done()
    for wrong in ({"problem": "key_refused"}, {"checked_at": now - timedelta(hours=1)}):
        GatewayState.objects.update(**{"problem": "", "checked_at": now, **wrong})
        assert "gateway" not in done(), wrong


def test_the_policy_is_ticked_and_all_steps_are_on_the_page(as_builder: Client) -> None:
    before = words_of(as_builder.get(PAGE))
    assert "0 of 7 steps are done." in before or "1 of 7" in before

    assert as_builder.post("/setup/policy-read/").status_code == 302

    assert "policy" in done()
    assert "I have read it" in before
    assert "I have read it" not in words_of(as_builder.get(PAGE))


def test_a_test_mail_is_sent_and_confirmed_by_the_link_in_it(as_builder: Client) -> None:
    assert "took the mail to builder@example.edu" in words_of(as_builder.post(MAIL, follow=True))
    link = re.findall(r"https?://[^/]+(/setup/mail/\S+)", str(mail.outbox[0].body))[0]
    assert "mail" not in done()

    assert as_builder.get(link).status_code == 200
    assert "mail" not in done(), "a look confirms nothing"
    assert signed_in(make_user("other")).post(link).status_code == 403
    assert as_builder.post(link).status_code == 302
    assert "mail" in done()

    as_builder.post(MAIL)
    assert "mail" not in done()
    wrong = [link, f"{link[:-2]}x/", "/setup/mail/x/"]  # of the mail before, changed, made up
    assert [as_builder.post(address).status_code for address in wrong] == [404] * 3


def test_reports_why_no_mail_was_sent(as_builder: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1"
    settings.EMAIL_PORT = free_port()

    answer = as_builder.post(MAIL)

    assert answer.status_code == 503
    assert "The mail server does not answer (ConnectionRefusedError)." in words_of(answer)
    User.objects.update(email="")
    answer = as_builder.post(MAIL)
    assert answer.status_code == 422
    assert "Your account has no address" in words_of(answer)
    assert SetupState.load().mail_sent_at is None
    settings.KEY_ACTIONS_PER_HOUR = 2
    assert as_builder.post(MAIL).status_code == 429


def test_is_shown_on_my_keys_until_it_is_dismissed(as_builder: Client, as_intern: Client, as_staff: Client) -> None:
    as_manager = signed_in(make_user("manager", groups=("Admins",)))
    link = f'href="{PAGE}"'

    def shown() -> list[bool]:
        return [link in browser.get("/").content.decode() for browser in (as_builder, as_manager, as_intern, as_staff)]

    assert shown() == [True, True, False, False]
    as_builder.post("/setup/dismiss/")
    assert shown() == [False] * 4
    assert "Show it on My keys again" in words_of(as_manager.get(PAGE))
    as_manager.post("/setup/dismiss/", {"again": "1"})

    assert shown() == [True, True, False, False]


def test_requires_permission(as_intern: Client) -> None:
    others = (as_intern, signed_in(with_permissions("reader", "view_people", "manage_people", "view_everyone")))

    for browser in others:
        assert [browser.get(address).status_code for address in (PAGE, f"{MAIL}x/")] == [403, 403]
        posts = (MAIL, f"{MAIL}x/", "/setup/policy-read/", "/setup/dismiss/")
        assert [browser.post(address).status_code for address in posts] == [403] * 4
    assert not SetupState.objects.exists()
    assert mail.outbox == []
