"""Accounts that nobody uses, or that their institution no longer lists: warned, deactivated after a grace, or kept."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.audit import Actor
from accounts.identity_providers import Ldap
from accounts.leaving import note_return
from accounts.models import AccessToken, AuditEntry, LeavingAccount, LeavingCheck, LeavingMail, SignIn, User
from keys.models import Intern, Key
from people import services
from tests.factories import make_intern, make_staff, make_user
from tests.keys.actions import again, issue
from tests.keys.views.pages import words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox
from tests.smtp import mail_server
from tests.tasks import run_tasks, waiting_tasks

pytestmark = pytest.mark.django_db
PAGE = "/people/leaving/"
LONG_AGO = timedelta(days=400)


def unused(username: str, **more: Any) -> User:
    """Make somebody who joined long ago and has not come back."""
    person = make_user(username, email=f"{username}@example.edu", **more)
    User.objects.filter(pk=person.pk).update(date_joined=timezone.now() - LONG_AGO, last_login=None)
    return person


def grace_is_over() -> None:
    LeavingAccount.objects.exclude(warned_at=None).update(warned_at=timezone.now() - timedelta(days=31))


def on_list() -> set[str]:
    return set(LeavingAccount.objects.waiting().values_list("person__username", flat=True))


def actions_on(person: User) -> list[str]:
    return list(AuditEntry.objects.of_subject(person).filter(object_kind="person").values_list("action", flat=True))


def is_open(person: User) -> bool:
    return User.objects.get(pk=person.pk).is_active


def test_an_unused_account_is_warned_deactivated_after_the_grace_and_its_keys_with_it(
    staff: User, sandbox: Sandbox
) -> None:
    ada = unused("ada", groups=("Interns",), first_name="Ada")
    Intern.objects.create(supervisor=staff, account=ada, name="Ada", email="ada@example.edu")
    User.objects.filter(pk=staff.pk).update(email="staff@example.edu")
    key = issue(ada, "own").key

    services.check_leaving()
    assert on_list() == {"ada"}
    assert [name for name, _arguments in waiting_tasks()] == ["people.mail_leaving"]
    services.mail_leaving()
    assert sorted(message.to[0] for message in mail.outbox) == ["ada@example.edu", "staff@example.edu"]
    assert "sign in once before then" in mail.outbox[0].body
    assert "your intern Ada" in mail.outbox[1].body

    services.check_leaving()
    assert is_open(ada)
    grace_is_over()
    assert services.check_leaving() == 1
    run_tasks()

    assert not is_open(ada)
    assert again(key).blocked
    assert actions_on(ada) == ["deactivate", "leaving"]
    assert "as a mail announced" in mail.outbox[-1].body
    assert services.check_leaving() == 0


def test_every_sign_of_life_keeps_an_account_off_the_list(staff: User, sandbox: Sandbox) -> None:
    now = timezone.now()
    people = {name: unused(name) for name in ("nothing", "login", "session", "token", "key", "intern", "new")}
    User.objects.filter(username="login").update(last_login=now)
    User.objects.filter(username="new").update(date_joined=now)
    SignIn.objects.create(user=people["session"], outcome="entered", last_use_at=now)
    about = {"name": "t", "scopes": "", "digest": "x", "expires_at": now, "last_used_at": now}
    AccessToken.objects.create(owner=people["token"], **about)
    issue(people["key"], "own")
    intern = Intern.objects.create(supervisor=staff, account=people["intern"], name="I")
    issue(staff, "of intern", intern_name="I")
    Key.objects.update(last_used_on=now.date())
    Key.objects.filter(owner=staff).update(intern=intern)
    unused("root", is_superuser=True)

    services.check_leaving()

    assert on_list() == {"nothing"}


def test_nobody_is_unused_where_the_setting_is_off(settings: Settings) -> None:
    unused("ada")
    make_user("other")
    settings.LEAVING_UNUSED_DAYS = 0

    services.check_leaving()

    assert on_list() == set()


def test_too_many_at_once_stop_and_admins_are_warned_once_and_can_accept(as_manager: Client, staff: User) -> None:
    User.objects.filter(username="manager").update(email="manager@example.edu")
    for number in range(4):
        unused(f"p{number}")

    for _night in range(2):
        services.check_leaving()
        services.mail_leaving()

    assert on_list() == set()
    assert [message.to for message in mail.outbox] == [["manager@example.edu"]]
    assert "4 of 6 accounts have not been used" in mail.outbox[0].body
    check = LeavingCheck.objects.get()
    assert "This is right: warn 4 people" in words_of(as_manager.get(PAGE))
    allow = reverse("people:allow_leaving", args=[check.pk])
    for wrong in ("", "3", "5", "x", "٤", "9" * 30):
        assert as_manager.post(allow, {"count": wrong}).status_code == 409, wrong
    assert "Accepted: these accounts" in words_of(as_manager.post(allow, {"count": "4"}, follow=True))
    run_tasks()
    assert len(on_list()) == 4
    assert AuditEntry.objects.get(object_kind="leaving_check").actor
    unused("p5")
    services.check_leaving()
    assert "p5" not in on_list()


def test_an_admin_keeps_an_account_before_or_after_its_deactivation(as_manager: Client, sandbox: Sandbox) -> None:
    before, after = unused("before"), unused("after")
    make_staff("other")
    services.check_leaving()
    keep = reverse("people:keep", args=[before.pk])
    assert "Keep the account of before for a year?" in words_of(as_manager.get(keep))
    assert "is kept for a year" in words_of(as_manager.post(keep, follow=True))
    assert as_manager.post(keep).status_code == 409
    services.mail_leaving()
    assert [message.to for message in mail.outbox] == [["after@example.edu"]]
    grace_is_over()
    services.check_leaving()
    assert (is_open(before), is_open(after)) == (True, False)
    assert "after" in words_of(as_manager.get(PAGE, {"state": "closed"}))

    as_manager.post(reverse("people:keep", args=[after.pk]))
    services.check_leaving()

    assert is_open(after)
    assert on_list() == set()
    assert actions_on(after) == ["activate", "keep", "deactivate", "leaving"]
    LeavingAccount.objects.update(kept_until=timezone.now())
    services.check_leaving()
    assert on_list() == {"before", "after"}
    as_manager.post(reverse("people:activate", args=[before.pk]))
    assert is_open(before)


def test_activating_by_the_usual_button_keeps_the_account_too(as_manager: Client) -> None:
    ada = unused("ada")
    make_staff("other")
    services.check_leaving()
    services.mail_leaving()
    grace_is_over()
    services.check_leaving()

    as_manager.post(reverse("people:activate", args=[ada.pk]))
    services.check_leaving()

    assert is_open(ada)
    assert on_list() == set()


def test_a_sign_in_within_the_grace_takes_the_account_off(client: Client) -> None:
    ada = unused("ada")
    make_staff("other")
    services.check_leaving()
    ada.set_password("correct horse battery")
    ada.save()

    client.post(reverse("account_login"), {"login": "ada", "password": "correct horse battery"})

    assert on_list() == set()
    assert actions_on(ada)[0] == "return"
    assert services.mail_leaving() == 0  # the warning is not true any more


def test_who_is_not_listed_comes_back_only_by_the_same_provider(settings: Settings) -> None:
    settings.IDENTITY_PROVIDERS = [Ldap(id="dir", server="ldap://127.0.0.1:1", base="dc=x")]
    ada = make_intern("ada")
    account = LeavingAccount.objects.create(person=ada, reason="unlisted", source="dir")

    for provider, left in (("", {"ada"}), ("other", {"ada"}), ("dir", set())):
        note_return(ada, provider=provider)
        assert on_list() == left, provider
    for reason, left in (("inactive", {"ada"}), ("unlisted", set())):
        account.reason = reason
        account.save(force_insert=True)
        note_return(ada, provider="dir")
        assert on_list() == left, reason
        LeavingAccount.objects.all().delete()
    account.save(force_insert=True)
    settings.IDENTITY_PROVIDERS = []
    services.check_leaving()
    assert on_list() == set()  # nobody can look them up any more


def test_the_last_person_who_manages_people_stays(settings: Settings) -> None:
    settings.LEAVING_MAX_PERCENT = 100
    admins = [unused(name, groups=("Admins",)) for name in ("one", "two")]
    make_staff("other")
    services.check_leaving()
    services.mail_leaving()
    grace_is_over()

    assert services.check_leaving() == 1

    assert sorted(map(is_open, admins)) == [False, True]


def test_a_run_that_was_killed_between_any_two_steps_is_continued() -> None:
    ada = unused("ada")
    make_staff("other")
    LeavingAccount.objects.create(person=ada, reason="unused")
    LeavingMail.objects.create(account_id=ada.pk, reader=ada, claimed_at=timezone.now() - timedelta(hours=1))
    services.check_leaving()  # killed before the mail was sent: the claim expires
    assert services.mail_leaving() == 1
    LeavingAccount.objects.update(warned_at=None)  # killed before the grace began
    services.mail_leaving()
    grace_is_over()
    assert services.check_leaving() == 1
    assert len(mail.outbox) == 1
    User.objects.update(is_active=True)  # opened again in Django's admin
    services.check_leaving()
    assert on_list() == {"ada"}


def test_the_grace_begins_when_the_mail_server_has_taken_the_warning(settings: Settings) -> None:
    ada = unused("ada")
    make_staff("other")
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    services.check_leaving()

    services.mail_leaving()
    assert LeavingAccount.objects.get().warned_at is None
    with mail_server() as server:
        settings.EMAIL_PORT = server.port
        services.mail_leaving()

    assert LeavingAccount.objects.get(person=ada).warned_at


def test_the_list_is_for_who_sees_people_and_the_actions_for_who_manages_them(
    as_reader: Client, as_intern: Client, as_manager: Client
) -> None:
    unused("ada", first_name="Ada")
    make_staff("other")
    services.check_leaving()
    check = LeavingCheck.objects.get()

    assert as_intern.get(PAGE).status_code == 403
    read, managed = words_of(as_reader.get(PAGE)), words_of(as_manager.get(PAGE))
    assert "Ada" in read
    assert "Keep for a year" not in read
    assert "Keep for a year" in managed
    assert as_reader.post(reverse("people:allow_leaving", args=[check.pk])).status_code == 403
    assert as_manager.post(reverse("people:allow_leaving", args=[0])).status_code == 404
    assert "No accounts." in words_of(as_manager.get(PAGE, {"state": "kept"}))
    assert as_manager.get(PAGE, {"state": "\0", "page": "x"}).status_code == 200
    assert "a warning is being sent" in words_of(as_manager.get(f"/people/{User.objects.get(username='ada').pk}/"))


def test_keeping_by_actor_without_row_is_refused() -> None:
    assert not services.keep(person=make_intern("nobody"), actor=Actor())
