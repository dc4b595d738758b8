"""An interrupted mail is sent later, and once: hanging servers, broken connections, killed workers."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from email.header import decode_header, make_header

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone
from pytest_django import Settings

from accounts.delivery import CLAIM_LASTS
from accounts.models import User
from keys import services
from keys.models import Key, ReminderMail, RequestedReminder
from tests.factories import make_user
from tests.keys.crashes import SERVICES, killed_at_step
from tests.smtp import MailServer, mail_server


@pytest.fixture
def server(settings: Settings) -> Iterator[MailServer]:
    """Send through a mail server on loopback, and wait for it a moment only."""
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 0.3
        yield server


@pytest.fixture
def twenty(db: None) -> list[Key]:
    """Make twenty people with a key each that ends soon."""
    dates = {"created_at": timezone.now() - timedelta(days=90), "expires_at": timezone.now() + timedelta(days=3)}
    kind, state = Key.Kind.PERSONAL, Key.State.ACTIVE
    names = [f"person-{number}" for number in range(20)]
    people = User.objects.bulk_create(User(username=name, email=f"{name}@example.edu") for name in names)
    keys = [Key(owner=person, kind=kind, state=state, label=f"key of {person}", **dates) for person in people]
    return Key.objects.bulk_create(keys)


def yesterday() -> None:
    """Let all mails have been of the day before."""
    ReminderMail.objects.update(sent_on=timezone.now().date() - timedelta(days=1))


def labels(server: MailServer) -> list[str]:
    """Return the labels that the subjects of the mails name."""
    subjects = [str(make_header(decode_header(message["Subject"]))) for message in server.mails]
    return sorted(subject.split("“")[-1].split("”")[0] for subject in subjects)


@pytest.mark.parametrize("stage", ["", "EHLO", "RCPT", "DATA"])
def test_a_hanging_server_loses_and_delays_no_mail(server: MailServer, twenty: list[Key], stage: str) -> None:
    server.hangs_at = stage
    began = timezone.now()

    assert services.remind_owners() == 0
    assert timezone.now() - began < timedelta(seconds=10)  # one wait, not twenty

    server.released.set()
    server.hangs_at = None
    assert services.remind_owners() == 20
    assert services.remind_owners() == 0
    assert labels(server) == sorted(key.label for key in twenty)


def test_a_broken_connection_loses_no_mail(server: MailServer, twenty: list[Key]) -> None:
    server.cuts_at = "RCPT"
    assert services.remind_owners() == 0

    server.cuts_at = None
    assert services.remind_owners() == 20
    assert len(set(labels(server))) == 20


def test_one_refused_address_does_not_delay_the_others(server: MailServer, twenty: list[Key]) -> None:
    server.refuses = "person-0@"

    assert services.remind_owners() == 19

    server.refuses = ""
    assert services.remind_owners() == 0
    yesterday()
    assert services.remind_owners() == 1


def test_a_repeated_mail_has_the_same_message_id(server: MailServer, twenty: list[Key]) -> None:
    Key.objects.exclude(pk=twenty[0].pk).delete()
    server.cuts_at = "taken"
    services.remind_owners()
    server.cuts_at = None
    services.remind_owners()

    first, second = (message["Message-ID"] for message in server.mails)
    assert first == second


def test_a_repeated_mail_about_another_end_has_another_message_id(server: MailServer, twenty: list[Key]) -> None:
    Key.objects.exclude(pk=twenty[0].pk).delete()
    server.cuts_at = "taken"
    services.remind_owners()
    server.cuts_at = None
    Key.objects.update(expires_at=timezone.now() + timedelta(days=4))
    services.remind_owners()

    first, second = (message["Message-ID"] for message in server.mails)
    assert first != second


class CutBackend(EmailBackend):
    """Ends the first sending as a worker's time limit does, in the midst of it."""

    cut = False

    def send_messages(self, messages: object) -> int:
        if not CutBackend.cut:
            CutBackend.cut = True
            raise SoftTimeLimitExceeded
        return int(super().send_messages(messages))  # type: ignore[arg-type]


def test_a_mail_whose_worker_was_ended_is_sent_when_its_claim_has_lapsed(twenty: list[Key], settings: Settings) -> None:
    CutBackend.cut = False
    settings.EMAIL_BACKEND = "tests.keys.test_interrupted_mails.CutBackend"
    with pytest.raises(SoftTimeLimitExceeded):
        services.remind_owners()

    assert services.remind_owners() == 19  # the one that was cut may still be on its way
    lapsed = timezone.now() - CLAIM_LASTS - timedelta(seconds=1)
    ReminderMail.objects.exclude(claimed_at=None).update(claimed_at=lapsed)

    assert services.remind_owners() == 1
    assert services.remind_owners() == 0
    assert len({message.subject for message in mail.outbox}) == 20


@pytest.mark.slow
@pytest.mark.kills
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("action", ["expiring", "requested"])
def test_two_workers_killed_at_any_step_lose_no_mail_and_send_none_twice(server: MailServer, action: str) -> None:
    """A mail that was taken in the moment of the kill comes again with its Message-ID, and is then the same mail."""
    step = 0
    while True:
        step += 1
        server.mails.clear()
        send = _two_mails(action)
        killed = [killed_at_step(step, send, folder=SERVICES) for _worker in range(2)]
        for rows in (ReminderMail.objects, RequestedReminder.objects):
            rows.exclude(claimed_at=None).update(claimed_at=timezone.now() - CLAIM_LASTS - timedelta(seconds=1))
        send()
        assert send() == 0
        receivers = {message["Message-ID"]: message["To"] for message in server.mails}
        assert sorted(receivers.values()) == ["one@example.edu", "two@example.edu"]
        if not any(killed):
            break
    assert step > 5


def _two_mails(action: str) -> Callable[[], int]:
    """Make two people with two keys each, and whatever mail there is to send; return what sends it."""
    Key.objects.all().delete()
    User.objects.all().delete()
    now = timezone.now()
    dates = {"created_at": now - timedelta(days=90), "expires_at": now + timedelta(days=3)}
    for name in ("one", "two"):
        person = make_user(name)
        if action == "requested":
            services.request_reminder(owner=person, lines=["thesis", "survey"], by="Admin")
            continue
        for label in ("thesis", "survey"):
            Key.objects.create(owner=person, kind=Key.Kind.PERSONAL, state=Key.State.ACTIVE, label=label, **dates)
    return services.remind_owners if action == "expiring" else services.send_requested_reminders
