"""Every mail of the portal, each kind in one list: a real SMTP server gets it once, also when workers are killed.

A mail that was taken in the moment of a kill may come again, with its Message-ID: then it is the same mail.
"""

import email.header
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.models import Field, Model
from django.test.signals import template_rendered
from django.utils import timezone
from pytest_django import Settings

import accounts
import approvals
import keys
import people
import teaching
import usage
from accounts import invitations, mail_choices, mails
from accounts.audit import Actor
from accounts.models import (
    AccessRequest,
    DailyItem,
    Invitation,
    LeavingAccount,
    LeavingCheck,
    LeavingMail,
    MailChoices,
    User,
)
from approvals import services as approval_services
from keys import services as key_services
from keys.alerts import alert_admins
from keys.models import (
    GivenKey,
    Intern,
    Key,
    KeyGift,
    LeakNotice,
    LeakReport,
    LeaveMail,
    LimitChange,
    SupervisorLeave,
    Token,
)
from notices.services import send_test_mail
from people.services import mail_leaving
from teaching.services import send_messages, write_message
from tests.claims import CLAIMS, let_claims_lapse
from tests.emptying import empty
from tests.factories import make_user
from tests.keys.crashes import killed_at_step
from tests.smtp import MailServer, mail_server
from tests.teaching.courses import add_student, make_course
from usage.models import Notice, SavedView, UnusualSpend, utc_today
from usage.services import mail_views, warn_of_budgets, warn_of_unusual_spend

TEMPLATES: Final = Path(__file__).parents[1] / "templates"
FOLDERS: Final = tuple(
    str(Path(module.__file__ or "").parent) + "/" for module in (accounts, approvals, keys, people, teaching, usage)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A way to send mails: what makes them due, who gets one, and how often it can be run without a second one."""

    make: Callable[[], Callable[[], object]]  # returns what sends them
    to: tuple[str, ...]
    is_task: bool = False  # its broker runs it once; else it looks for what is due, and finds nothing the second time
    is_sent_by_a_page: bool = False  # while somebody waits, who sends another one if this one does not come


# --- What makes them due ------------------------------------------------------------------------------
def _person(name: str = "one", **about: Any) -> User:
    return User.objects.filter(username=name).first() or make_user(name, password=None, **about)


def _decider() -> User:
    person = _person("boss")
    person.user_permissions.set(Permission.objects.filter(codename__in=("decide_requests", "manage_people")))
    return person


def _key(owner: User, intern: Intern | None = None) -> Key:
    dates = {"created_at": timezone.now() - timedelta(days=90), "expires_at": timezone.now() + timedelta(days=3)}
    about = {"kind": Key.Kind.PERSONAL, "state": Key.State.ACTIVE, "intern": intern}
    return Key.objects.create(owner=owner, label="survey" if intern else "thesis", **about, **dates)


def _intern(supervisor: User) -> Intern:
    return Intern.objects.create(supervisor=supervisor, name="Ada", email="ada@example.edu")


def _about_account(kind: str) -> Callable[[], Callable[[], object]]:
    def make() -> Callable[[], object]:
        person = _person()
        details: dict[str, Any] = {"at": timezone.now().isoformat(), "by": "Admin", "ip": "127.0.0.1"}
        if kind in mails.BY_ADMINS:
            action = {"account_changed": "deactivate", "grant_changed": "grant"}.get(kind, "block")
            details |= {"action": action, "label": "thesis", "labels": ["thesis"], "lines": [], "reason": "x"}
            details |= {"what": "2.00 USD more", "until": "1 May", "course": "Databases", "amount": ""}
        if kind.startswith("email_confirmation"):
            address = EmailAddress.objects.create(user=person, email="one@example.edu")
            details["address_id"] = address.pk
        return lambda: mails.send_mail(kind, person.pk, "en", details)

    return make


def _expiring() -> Callable[[], object]:
    person = _person()
    _key(person)
    _key(person, _intern(person))
    return key_services.remind_owners


def _requested() -> Callable[[], object]:
    key_services.request_reminder(owner=_person(), lines=["thesis"], by="Admin")
    return key_services.send_requested_reminders


def _daily() -> Callable[[], object]:
    MailChoices.objects.create(person=_person(), daily=True)
    for name in ("a", "b"):
        DailyItem.objects.create(person=_person(), name=name, subject="News", body="Something new")
    return mail_choices.send_daily_mails


def _invited() -> Callable[[], object]:
    Invitation.objects.create(person=_person())
    return invitations.send_invitations


def _budget() -> Callable[[], object]:
    about = {"period_first_day": utc_today(), "threshold": 80, "spent_usd": Decimal(4), "budget_usd": Decimal(5)}
    Notice.objects.create(person=_person(), key=_key(_person()), **about)
    return warn_of_budgets


def _stopped() -> Callable[[], object]:
    about = {"period_first_day": utc_today(), "threshold": 100, "spent_usd": Decimal(5), "budget_usd": Decimal(5)}
    group = Group.objects.create(name="Course")
    Notice.objects.create(person=_person(), group=group, of_person=True, **about)
    return warn_of_budgets


def _unusual() -> Callable[[], object]:
    person = _person()
    User.objects.create_superuser("admin", "boss@example.edu")
    about = {"spent_usd": Decimal(50), "usual_usd": Decimal(1)}
    UnusualSpend.objects.create(key=_key(person), owner=person, day=utc_today(), **about)
    return warn_of_unusual_spend


def _view() -> Callable[[], object]:
    SavedView.objects.create(owner=_person(), name="Mine", page="usage:index", mail="weekly")
    return mail_views


def _asked(person: User) -> AccessRequest:
    until = timezone.localdate() + timedelta(days=7)
    about: dict[str, Any] = {"thing": "budget", "amount_usd": Decimal(2), "ends_on": until, "why": "thesis"}
    return approval_services.ask(person=person, actor=Actor(user=person), **about)[0]


def _open_requests() -> Callable[[], object]:
    _decider()
    _asked(_person())
    return approval_services.mail_deciders


def _decided() -> Callable[[], object]:
    approval_services.refuse(request=_asked(_person()), actor=Actor(user=_decider()), reason="no")
    return approval_services.mail_decisions


def _alert() -> Callable[[], object]:
    for name in ("one", "two"):
        User.objects.create_superuser(name, f"{name}@example.edu")
    return lambda: alert_admins("poll", "It fails", "Look at it")


def _leaked() -> Callable[[], object]:
    owner = _person()
    key, at = _key(owner, _intern(owner)), timezone.now().isoformat()
    details = {"who": "One", "old_last_four": "abcd", "ended": True}
    return lambda: key_services.mail_of_leak(str(key.pk), at, details)


def _reported_leak() -> Callable[[], object]:
    owner = _person()
    token = Token.objects.create(key=_key(owner, _intern(owner)), token="0a" * 32, last_four="abcd")
    report = LeakReport.objects.create(token=token, source="github", where="https://github.example/x")
    for role, person in (("owner", owner), ("admin", _decider()), ("intern", None)):
        LeakNotice.objects.create(report=report, role=role, person=person)
    return key_services.mail_leaks


def _handed_over() -> Callable[[], object]:
    old, new = _person(), _person("two")
    intern, at = _intern(new), timezone.now().isoformat()
    return lambda: key_services.mail_of_handover(str(intern.pk), old.pk, new.pk, None, at)


def _left() -> Callable[[], object]:
    left, manager = _person(is_active=False), _decider()
    intern = _intern(left)
    _key(left, intern)
    leave = SupervisorLeave.objects.create(supervisor=left)
    LeaveMail.objects.create(leave=leave, intern=intern)
    LeaveMail.objects.create(leave=leave, manager=manager)
    return key_services.mail_leaves


def _leaving() -> Callable[[], object]:
    person, supervisor = _person(), _person("boss")
    account = LeavingAccount.objects.create(person=person, reason="unused")
    stopped = LeavingCheck.objects.create(reason="unused", outcome="stopped", leaving=5, looked_up=6)
    for reader in (person, supervisor):
        LeavingMail.objects.create(account=account, reader=reader)
    LeavingMail.objects.create(stopped=stopped, reader=_person("two"))
    return mail_leaving


def _limits_changed() -> Callable[[], object]:
    supervisor = _person()
    intern = _intern(supervisor)
    changes = {"budget_usd": ["5", "2"]}
    key = _key(supervisor, intern)
    LimitChange.objects.create(key=key, intern=intern, changed_by=supervisor, changes=changes)
    return key_services.mail_limit_changes


def _given() -> Callable[[], object]:
    gift = KeyGift.objects.create(owner=_person(), given_by=_decider())
    GivenKey.objects.create(gift=gift, key=_key(_person()), spent_usd=Decimal(4))
    return key_services.mail_gifts


def _to_students() -> Callable[[], object]:
    course, author = make_course(_person("boss")), Actor(user=_person("boss"))
    for name in ("One", "Two"):
        add_student(course, name)
    write_message(course=course, actor=author, subject="Tomorrow", body="Bring your laptops.")
    return send_messages


def _tested() -> Callable[[], object]:
    person = _person()
    return lambda: send_test_mail(person)


ONE, TWO, ADA, BOSS = (f"{name}@example.edu" for name in ("one", "two", "ada", "boss"))
MAILS: Final = {
    **{kind: Mail(make=_about_account(kind), to=(ONE,), is_task=True) for kind in sorted(mails.KINDS)},
    "keys that expire": Mail(make=_expiring, to=(ADA, ONE)),
    "requested reminder": Mail(make=_requested, to=(ONE,)),
    "all of a day": Mail(make=_daily, to=(ONE,)),
    "invited": Mail(make=_invited, to=(ONE,)),
    "budget": Mail(make=_budget, to=(ONE,)),
    "keys stopped by a group": Mail(make=_stopped, to=(ONE,)),
    "unusual spend": Mail(make=_unusual, to=(BOSS, ONE)),
    "saved view": Mail(make=_view, to=(ONE,)),
    "open requests": Mail(make=_open_requests, to=(BOSS,)),
    "decided request": Mail(make=_decided, to=(ONE,)),
    "alert": Mail(make=_alert, to=(ONE, TWO)),
    "leaked": Mail(make=_leaked, to=(ADA, ONE), is_task=True),
    "reported leak": Mail(make=_reported_leak, to=(ADA, BOSS, ONE)),
    "handed over": Mail(make=_handed_over, to=(ADA, ONE, TWO), is_task=True),
    "supervisor left": Mail(make=_left, to=(ADA, BOSS)),
    "leaving account": Mail(make=_leaving, to=(BOSS, ONE, TWO)),
    "changed limits": Mail(make=_limits_changed, to=(ADA,)),
    "given keys": Mail(make=_given, to=(ONE,)),
    "to students": Mail(make=_to_students, to=(ONE, TWO)),
    "test mail": Mail(make=_tested, to=(ONE,), is_sent_by_a_page=True),
}


# --- What is shown ------------------------------------------------------------------------------------
@pytest.fixture
def server(settings: Settings) -> Iterator[MailServer]:
    """Send through a mail server on loopback."""
    settings.UNUSUAL_SPEND_TO_ADMINS = True
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


@pytest.fixture
def subjects() -> Iterator[set[str]]:
    """Collect the templates of subjects that are rendered."""
    seen: set[str] = set()

    def note(template: Any, **_sent: object) -> None:
        if str(template.name).endswith("_subject.txt"):
            seen.add(template.name)

    template_rendered.connect(note)
    yield seen
    template_rendered.disconnect(note)


def receivers(server: MailServer) -> list[str]:
    """Return who got a mail, once for each Message-ID; two mails with one Message-ID have one receiver and subject."""
    found = {(each["Message-ID"], each["To"], _text(each["Subject"])) for each in server.mails}
    assert len({message_id for message_id, _to, _subject in found}) == len(found), found
    assert all(message_id and subject for message_id, _to, subject in found)
    return sorted(to for _id, to, _subject in found)


def _text(header: str) -> str:
    return str(email.header.make_header(email.header.decode_header(header)))


@pytest.mark.django_db(transaction=True)
def test_a_mail_server_gets_each_kind_of_mail_once(server: MailServer, subjects: set[str]) -> None:
    wrong = {}
    for name, kind in MAILS.items():
        empty(connection)
        server.mails.clear()
        send = kind.make()
        send()
        if not kind.is_task and not kind.is_sent_by_a_page:
            send()
        if len(server.mails) != len(kind.to) or receivers(server) != sorted(kind.to):
            wrong[name] = [message["To"] for message in server.mails]

    assert wrong == {}
    there = {str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*_subject.txt")}
    assert there - subjects == set()  # each kind of mail is in MAILS


def test_all_claims_lapse_in_these_tests() -> None:
    """A new kind of mail whose row is claimed is in CLAIMS: otherwise kills could not be seen to lose it."""
    from django.apps import apps

    def claimed(table: type[Model]) -> list[str]:
        fields = [field.name for field in table._meta.get_fields() if isinstance(field, Field)]
        return [name for name in fields if name in ("claimed_at", "mail_claimed_at")]

    assert {(table, name) for table in apps.get_models() for name in claimed(table)} == set(CLAIMS)


@pytest.mark.slow
@pytest.mark.kills
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", [name for name, kind in MAILS.items() if not kind.is_sent_by_a_page])
def test_two_workers_killed_at_any_step_lose_no_mail_and_send_none_twice(server: MailServer, name: str) -> None:
    kind, step, was_killed = MAILS[name], 0, True
    while was_killed:
        step += 1
        empty(connection)
        server.mails.clear()
        send = kind.make()
        first, second = (killed_at_step(step, send, folder=FOLDERS) for _worker in range(2))
        was_killed = first or second
        let_claims_lapse()
        send()
        if not kind.is_task:
            sent = len(server.mails)
            send()
            assert len(server.mails) == sent, step
        assert receivers(server) == sorted(kind.to), step
    assert step > 2
