"""A supervisor leaves: their interns' keys work for the grace period, and everybody concerned gets one mail."""

from collections.abc import Iterator
from datetime import timedelta
from email.header import decode_header, make_header

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from accounts.delivery import CLAIM_LASTS
from accounts.models import User
from gateway.errors import GatewayUnavailable
from keys import services
from keys.models import Intern, Key, LeaveMail, SupervisorLeave
from tests.factories import make_staff, make_user
from tests.keys.actions import BY_TEST, again, issue
from tests.sandbox_process import Sandbox
from tests.smtp import MailServer, mail_server
from tests.tasks import run_tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(db: None) -> User:
    return make_user("manager", groups=("Admins",), first_name="Manager M")


@pytest.fixture
def keys(staff: User, sandbox: Sandbox, manager: User) -> dict[str, Key]:
    """Make a key of the supervisor's own, and keys for two interns, one of whom has no address."""
    return {
        "own": issue(staff, "own").key,
        "ada": issue(staff, "ada", intern_name="Ada", intern_email="ada@example.edu").key,
        "ben": issue(staff, "ben", intern_name="Ben").key,
    }


def leave(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)
    services.sweep_keys()


def blocked(keys: dict[str, Key]) -> set[str]:
    return {name for name, key in keys.items() if again(key).blocked}


def grace_is_over() -> None:
    began = timezone.now() - timedelta(days=django_settings.SUPERVISOR_GRACE_DAYS, seconds=1)
    SupervisorLeave.objects.update(noticed_at=began)


def readers() -> list[str]:
    return sorted(message.to[0] for message in mail.outbox)


def test_keys_of_interns_work_for_the_grace_and_are_blocked_after_it(
    keys: dict[str, Key], staff: User, sandbox: Sandbox
) -> None:
    leave(staff)
    services.sweep_keys()
    assert blocked(keys) == {"own"}
    assert set(services.supervisors_who_left()) == {staff}

    grace_is_over()
    services.sweep_keys()

    assert blocked(keys) == {"own", "ada", "ben"}
    assert all(row["blocked"] for row in sandbox.live_keys())
    assert services.sweep_keys() == 0


def test_without_a_grace_they_stop_at_once(keys: dict[str, Key], staff: User, settings: Settings) -> None:
    settings.SUPERVISOR_GRACE_DAYS = 0

    leave(staff)

    assert blocked(keys) == {"own", "ada", "ben"}


def test_a_reactivated_supervisor_has_all_keys_again_and_can_leave_again(keys: dict[str, Key], staff: User) -> None:
    leave(staff)
    grace_is_over()
    services.sweep_keys()

    User.objects.filter(pk=staff.pk).update(is_active=True)
    services.sweep_keys()
    assert blocked(keys) == set()
    assert not SupervisorLeave.objects.exists()

    leave(staff)
    assert blocked(keys) == {"own"}


@pytest.mark.parametrize("late", [False, True])
def test_handed_over_within_the_grace_or_after_it_they_work(keys: dict[str, Key], staff: User, late: bool) -> None:
    other = make_staff("other", email="other@example.edu")
    leave(staff)
    if late:
        grace_is_over()
        services.sweep_keys()

    refused = services.hand_over_all(interns=Intern.objects.all(), to=other, actor=BY_TEST)
    services.sweep_keys()
    grace_is_over()
    services.sweep_keys()

    assert refused == {}
    assert {again(keys[name]).owner for name in ("ada", "ben")} == {other}
    assert blocked(keys) == {"own"}
    assert not services.supervisors_who_left().exists()
    assert not SupervisorLeave.objects.exists()


def test_while_the_gateway_is_away_a_key_that_was_handed_over_is_not_blocked(
    keys: dict[str, Key], staff: User, sandbox: Sandbox
) -> None:
    other = make_staff("other", email="other@example.edu")
    leave(staff)
    grace_is_over()
    sandbox.faults("/key/update", "error", status=503, times=2)

    services.hand_over_all(interns=Intern.objects.filter(name="Ada"), to=other, actor=BY_TEST)
    with pytest.raises(GatewayUnavailable):
        services.sweep_keys()

    assert Key.objects.to_move().count() == 1
    assert blocked(keys) == {"own", "ben"}
    services.sweep_keys()
    assert again(keys["ada"]).owner == other
    assert blocked(keys) == {"own", "ben"}


def test_an_intern_whom_the_new_supervisor_cannot_have_stays_with_the_reason(keys: dict[str, Key], staff: User) -> None:
    other = make_staff("other", email="ada@example.edu")  # Ada herself

    refused = services.hand_over_all(interns=Intern.objects.all(), to=other, actor=BY_TEST)

    assert {intern.name: why.reason for intern, why in refused.items()} == {"Ada": "handover.themselves"}
    assert Intern.objects.get(name="Ben").supervisor == other


def test_interns_and_managers_have_one_mail_each(keys: dict[str, Key], staff: User, manager: User) -> None:
    make_user("reader").user_permissions.clear()
    leave(staff)
    run_tasks()
    services.sweep_keys()
    services.mail_leaves()

    assert readers() == ["ada@example.edu", manager.email]
    of_ada, of_manager = sorted(mail.outbox, key=lambda message: message.to != ["ada@example.edu"])
    assert "Staff B, who is responsible for the keys that you use" in str(of_ada.body)
    assert "http" not in str(of_ada.body)
    assert "Ada, Ben." in str(of_manager.body)
    assert f"/people/{staff.pk}/" in str(of_manager.body)
    assert all("work until" in str(message.body) for message in mail.outbox)


def test_no_mail_about_people_without_interns(intern: User, sandbox: Sandbox, manager: User) -> None:
    key = issue(intern).key

    leave(intern)
    run_tasks()

    assert again(key).blocked
    assert mail.outbox == []


@pytest.fixture
def server(settings: Settings) -> Iterator[MailServer]:
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 0.3
        yield server


def test_a_broken_connection_and_a_dead_worker_lose_and_repeat_no_mail(
    keys: dict[str, Key], staff: User, manager: User, server: MailServer
) -> None:
    make_user("second", groups=("Admins",))
    leave(staff)
    server.cuts_at = "DATA"
    assert services.mail_leaves() == 0
    server.cuts_at = None
    LeaveMail.objects.filter(manager=manager).update(claimed_at=timezone.now())  # of a worker that died

    assert services.mail_leaves() == 2
    assert services.mail_leaves() == 0
    LeaveMail.objects.filter(manager=manager).update(claimed_at=timezone.now() - CLAIM_LASTS - timedelta(seconds=1))
    assert services.mail_leaves() == 1

    received = sorted(str(make_header(decode_header(message["To"]))) for message in server.mails)
    assert received == ["ada@example.edu", manager.email, "second@example.edu"]
