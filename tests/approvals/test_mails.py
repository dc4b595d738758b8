"""Mails about requests: one a day for deciders, one for each decision; none twice, wherever a run is interrupted."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from accounts.audit import Actor
from accounts.delivery import CLAIM_LASTS
from accounts.models import AccessRequest, RequestDigest, User
from approvals import services
from tests.approvals.conftest import approve, ask, supervise
from tests.factories import make_intern, make_user
from tests.sandbox_process import Sandbox
from tests.smtp import MailServer, mail_server


@pytest.fixture
def server(settings: Settings) -> Iterator[MailServer]:
    """Send through a mail server on loopback, and wait for it a moment only."""
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 0.3
        yield server


def a_day_later() -> None:
    RequestDigest.objects.filter(sent_at__isnull=False).update(sent_at=timezone.now() - timedelta(hours=24, minutes=1))


def test_a_decider_gets_one_mail_a_day_with_all_open_requests(
    intern: User, decider: User, supervisor: User, settings: Settings
) -> None:
    supervise(supervisor, intern)
    other = make_intern("other", first_name="Intern O")
    ask(intern)
    ask(other)
    ask(other, "model", name="large")

    assert services.mail_deciders() == 2
    ask(make_user("third"))
    assert services.mail_deciders() == 0

    by_reader = {message.to[0]: message for message in mail.outbox}
    assert set(by_reader) == {supervisor.email, decider.email}
    assert "1 request waits for your decision" in by_reader[supervisor.email].subject
    assert "- Intern A: 2.00\xa0USD more" in by_reader[supervisor.email].body
    assert "2 requests wait for your decision" in by_reader[decider.email].subject
    assert "- Intern O: the model large" in by_reader[decider.email].body
    assert f"{settings.PORTAL_URL}/requests/" in by_reader[decider.email].body

    a_day_later()
    assert services.mail_deciders() == 2
    assert any("3 requests" in str(message.subject) for message in mail.outbox[2:])


def test_sends_no_mail_without_open_requests(intern: User, decider: User) -> None:
    request = ask(intern)
    services.withdraw(request=request, actor=Actor(user=intern))
    ask(decider)  # nobody decides for themselves

    assert services.mail_deciders() == services.mail_decisions() == 0
    assert mail.outbox == []


def test_the_requester_gets_one_mail_with_the_decision(intern: User, decider: User, sandbox: Sandbox) -> None:
    approve(ask(intern), decider, reason="good luck")
    services.refuse(request=ask(intern, "model", name="large"), actor=Actor(user=decider), reason="too dear")

    assert [services.mail_decisions(), services.mail_decisions()] == [2, 0]

    granted, refused = mail.outbox
    assert granted.to == refused.to == [intern.email]
    assert "Granted: 2.00\xa0USD more" in granted.subject
    assert "good luck" in granted.body
    assert "Refused: the model large" in refused.subject
    assert "too dear" in refused.body
    assert "Decided by Decider D." in refused.body


def test_people_without_an_address_are_skipped(decider: User, sandbox: Sandbox) -> None:
    approve(ask(make_user("nobody", email="")), decider)

    assert services.mail_decisions() == 0
    assert not AccessRequest.objects.filter(mailed_at=None).exists()


@pytest.mark.parametrize("stage", ["", "RCPT", "DATA"])
def test_a_broken_mail_connection_loses_and_repeats_no_mail(
    server: MailServer, intern: User, decider: User, sandbox: Sandbox, stage: str
) -> None:
    approve(ask(intern), decider)
    ask(intern, "model", name="large")
    server.cuts_at = stage

    assert services.mail_decisions() == services.mail_deciders() == 0
    server.cuts_at = None
    assert [services.mail_decisions(), services.mail_decisions()] == [1, 0]
    assert [services.mail_deciders(), services.mail_deciders()] == [1, 0]

    assert sorted(message["To"] for message in server.mails) == sorted([intern.email, decider.email])


def test_a_worker_that_died_while_sending_leaves_a_claim_that_lapses(
    intern: User, decider: User, sandbox: Sandbox
) -> None:
    approve(ask(intern), decider)
    ask(intern, "model", name="large")
    just_now = timezone.now()
    RequestDigest.objects.create(person=decider, claimed_at=just_now)
    AccessRequest.objects.update(mail_claimed_at=just_now)
    assert services.mail_decisions() == services.mail_deciders() == 0

    long_ago = just_now - CLAIM_LASTS - timedelta(seconds=1)
    RequestDigest.objects.update(claimed_at=long_ago)
    AccessRequest.objects.update(mail_claimed_at=long_ago)
    assert (services.mail_decisions(), services.mail_deciders()) == (1, 1)
