"""The mail of an invitation: once to each, wherever a run is interrupted; its link works once, for that person only."""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from email.header import decode_header, make_header

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts import invitations
from accounts.audit import Actor
from accounts.delivery import CLAIM_LASTS
from accounts.invitations import send_invitations
from accounts.models import AuditAction, AuditEntry, Invitation, User
from tests.conftest import signed_in
from tests.factories import PASSWORD, make_user
from tests.keys.views.pages import words_of
from tests.smtp import MailServer, mail_server
from tests.tasks import run_tasks

INVITE = reverse("people:invite")
NEW_PASSWORD = {"password1": PASSWORD, "password2": PASSWORD}


def invite(browser: Client, *addresses: str, **more: str) -> None:
    assert browser.post(INVITE, {"people": "\n".join(addresses), "step": "send", **more}).status_code == 302


def links_in(text: str) -> list[str]:
    return re.findall(rf"{re.escape(django_settings.PORTAL_URL)}(/\S+)", text)


def follow(path: str, **form: str) -> str:
    """Follow a link in a browser of its own, and choose a password if it lets one; return what is shown."""
    browser = Client()
    response = browser.get(path, follow=True)
    if form and response.redirect_chain:
        response = browser.post(response.redirect_chain[-1][0], form, follow=True)
    return words_of(response)


@pytest.fixture
def server(settings: Settings) -> Iterator[MailServer]:
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 0.3
        yield server


def receivers(server: MailServer) -> list[str]:
    return sorted(str(make_header(decode_header(message["To"]))) for message in server.mails)


def test_each_gets_one_mail_in_both_languages_with_a_link_that_sets_a_password(as_manager: Client) -> None:
    invite(as_manager, "Ada;ada@example.edu", "ben@example.edu")
    run_tasks()
    send_invitations()

    assert sorted(message.to[0] for message in mail.outbox) == ["ada@example.edu", "ben@example.edu"]
    of_ada = next(message for message in mail.outbox if message.to == ["ada@example.edu"])
    assert "Hello Ada," in str(of_ada.body)
    assert "Bonjour Ada," in str(of_ada.body)
    link = links_in(str(of_ada.body))[0]
    assert "until" in str(of_ada.body)
    follow(link, **NEW_PASSWORD)
    ada = User.objects.get(username="ada")
    assert ada.check_password(PASSWORD)
    assert Client().login(username="ada", password=PASSWORD)


def test_a_list_asks_the_worker_once(as_manager: Client) -> None:
    invite(as_manager, *[f"a{number}@example.edu" for number in range(5)])

    assert [name for name, _arguments in run_tasks()] == ["accounts.send_invitations"]
    assert len(mail.outbox) == 5


def test_whose_language_is_known_reads_that_one(as_manager: Client) -> None:
    invite(as_manager, "ada@example.edu")
    User.objects.filter(username="ada").update(language="fr")

    send_invitations()

    (message,) = mail.outbox
    assert "Bonjour ada," in str(message.body)
    assert "Hello" not in str(message.body)


def test_a_link_works_once_for_its_person_only_and_not_for_good(as_manager: Client, settings: Settings) -> None:
    make_user("other")
    invite(as_manager, "ada@example.edu", "ben@example.edu", "cleo@example.edu", "dan@example.edu")
    send_invitations()
    links = {message.to[0].partition("@")[0]: links_in(str(message.body))[0] for message in mail.outbox}
    before = dict(User.objects.values_list("username", "password"))
    refused = "This link does not work any more"

    token = links["ada"].rstrip("/").rpartition("-")
    assert refused in follow(links["ada"].replace(token[2], "abc-def"))  # wrong
    mixed = links["ben"].replace(links["ben"].rstrip("/").split("/")[-1].partition("-")[2], "")
    assert refused in follow(mixed + links["ada"].rstrip("/").split("/")[-1].partition("-")[2] + "/")  # another's
    assert dict(User.objects.values_list("username", "password")) == before
    follow(links["ada"], **NEW_PASSWORD)
    assert refused in follow(links["ada"])  # used
    as_manager.post(reverse("people:withdraw", args=[User.objects.get(username="cleo").pk]))
    assert refused in follow(links["cleo"])  # taken back
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert refused in follow(links["dan"])  # old
    assert not User.objects.get(username="dan").has_usable_password()


def test_where_the_institution_signs_in_the_mail_leads_there(as_manager: Client, settings: Settings) -> None:
    settings.OIDC_ISSUER, settings.OIDC_NAME = "https://sso.example.edu", "Example University"

    invite(as_manager, "ada@example.edu", sign_in="institution")
    invite(as_manager, "ben@example.edu", sign_in="password")
    invite(as_manager, "cleo@example.edu")  # as is chosen at first
    send_invitations()

    bodies = {message.to[0]: str(message.body) for message in mail.outbox}
    for address in ("ada@example.edu", "cleo@example.edu"):
        assert "your account of Example University" in bodies[address]
        assert links_in(bodies[address])[0] == reverse("account_login")
    assert "/password/reset/key/" in bodies["ben@example.edu"]


def test_an_invitation_is_sent_again_and_taken_back_until_it_is_used(as_manager: Client) -> None:
    invite(as_manager, "Ada;ada@example.edu")
    send_invitations()
    ada = User.objects.get(username="ada")
    page = reverse("people:person", args=[ada.pk])
    assert "Invited, not yet signed in" in words_of(as_manager.get(page))
    assert "mail sent on" in words_of(as_manager.get(page))

    as_manager.post(reverse("people:invite_again", args=[ada.pk]))
    send_invitations()
    assert len(mail.outbox) == 2
    taken = as_manager.post(reverse("people:withdraw", args=[ada.pk]), follow=True)
    ada.refresh_from_db()
    assert "The invitation of Ada is taken back." in words_of(taken)
    assert not ada.is_active
    for name in ("withdraw", "invite_again"):
        assert as_manager.post(reverse(f"people:{name}", args=[ada.pk])).status_code == 409
    preview = as_manager.post(INVITE, {"people": "ada@example.edu", "step": "preview"})
    assert "Is invited again" in words_of(preview)
    invite(as_manager, "ada@example.edu")
    send_invitations()
    ada.refresh_from_db()
    assert ada.is_active
    follow(links_in(str(mail.outbox[-1].body))[0], **NEW_PASSWORD)
    ada.refresh_from_db()
    signed_in(ada)
    User.objects.filter(pk=ada.pk).update(last_login=timezone.now())
    for name in ("withdraw", "invite_again"):
        assert as_manager.post(reverse(f"people:{name}", args=[ada.pk])).status_code == 409
    assert "Invited, not yet" not in words_of(as_manager.get(page))
    actions = AuditEntry.objects.filter(object_kind="person", subject=ada).order_by("pk")
    assert [entry.action for entry in actions] == [
        *(AuditAction.INVITE, AuditAction.INVITE),
        *(AuditAction.WITHDRAW, AuditAction.INVITE),
    ]


def test_the_account_of_somebody_who_left_is_not_opened_by_a_list(as_manager: Client) -> None:
    left = make_user("left", is_active=False)

    response = as_manager.post(INVITE, {"people": left.email, "step": "send"})

    assert response.status_code == 409
    left.refresh_from_db()
    assert not left.is_active


@pytest.mark.parametrize("stage", ["", "RCPT", "DATA"])
def test_a_server_that_hangs_or_cuts_costs_no_mail_and_sends_none_twice(
    as_manager: Client, server: MailServer, stage: str
) -> None:
    addresses = [f"a{number}@example.edu" for number in range(5)]
    invite(as_manager, *addresses)
    server.cuts_at = stage

    assert send_invitations() == 0

    server.cuts_at = None
    assert send_invitations() == 5
    assert send_invitations() == 0
    assert receivers(server) == addresses


def test_an_address_that_is_refused_is_said_and_keeps_no_other_waiting(as_manager: Client, server: MailServer) -> None:
    invite(as_manager, "a@example.edu", "bad@example.edu", "c@example.edu")
    server.refuses = "bad@"

    assert send_invitations() == 2
    assert send_invitations() == 0

    bad = User.objects.get(username="bad")
    page = words_of(as_manager.get(reverse("people:person", args=[bad.pk])))
    assert "The mail server did not accept the address." in page
    server.refuses = ""
    as_manager.post(reverse("people:invite_again", args=[bad.pk]))
    assert send_invitations() == 1


def test_a_worker_that_dies_midway_leaves_the_rest_to_the_next(as_manager: Client, server: MailServer) -> None:
    invite(as_manager, *[f"a{number}@example.edu" for number in range(6)])
    Invitation.objects.filter(person__username="a0").update(claimed_at=timezone.now())  # of one that died

    assert send_invitations() == 5
    assert send_invitations() == 0
    Invitation.objects.filter(sent_at=None).update(claimed_at=timezone.now() - CLAIM_LASTS - timedelta(seconds=1))
    assert send_invitations() == 1

    assert receivers(server) == [f"a{number}@example.edu" for number in range(6)]


def test_two_workers_at_once_write_to_each_once(as_manager: Client, server: MailServer) -> None:
    """Take the rows as both would have read them before either began."""
    invite(as_manager, *[f"a{number}@example.edu" for number in range(4)])
    rows = list(Invitation.objects.to_send().select_related("person"))

    assert send_invitations() == 4
    assert [invitations._send(row) for row in rows] == [False] * 4
    assert len(server.mails) == 4


class TakesBackTheOthers(EmailBackend):
    """A mail server during whose first mail an admin takes back all other invitations."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        others = Invitation.objects.to_send().exclude(person__email=messages[0].to[0])
        for invitation in others:
            invitations.withdraw(person=invitation.person, actor=Actor())
        return super().send_messages(messages)


def test_what_is_taken_back_while_a_list_is_being_sent_is_not_sent(as_manager: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.TakesBackTheOthers"
    invite(as_manager, "ada@example.edu", "ben@example.edu", "cleo@example.edu")

    run_tasks()

    assert len(mail.outbox) == 1
    assert Invitation.objects.exclude(withdrawn_at=None).count() == 2
