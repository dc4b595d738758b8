"""One action on many people, with a confirmation; oneself, superusers and people with more rights are left out."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditAction, AuditEntry, User
from keys.models import Intern
from tests.conftest import signed_in
from tests.factories import make_intern, make_staff, make_user
from tests.keys.actions import again, issue
from tests.keys.views.pages import words_of
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks
from tests.usage.views.facts import key_of

BULK = reverse("people:bulk")
ACTIONS = ("group", "stay", "deactivate")


def post(browser: Client, action: str, *people: User, **more: Any) -> Any:
    return browser.post(BULK, {"action": action, "people": ",".join(str(person.pk) for person in people), **more})


def ask(browser: Client, action: str, *people: User, **more: Any) -> str:
    return words_of(browser.get(BULK, {"action": action, "person": [person.pk for person in people], **more}))


@pytest.fixture
def three(db: None) -> list[User]:
    people = [make_user(name, first_name=name.title()) for name in ("ada", "ben", "cleo")]
    key_of(people[0], "thesis")
    key_of(people[0], "survey")
    return people


def test_says_whom_it_is_for_what_stops_and_who_is_left_out(as_manager: Client, three: list[User], admin: User) -> None:
    manager = User.objects.get(username="manager")
    User.objects.filter(username="ben").update(is_active=False)

    page = ask(as_manager, "deactivate", *three, manager, admin)

    for words in (
        "Deactivate 2 accounts?",
        "2 keys stop within minutes.",
        "2 people Ada ada · ada@example.edu · 2 keys Cleo cleo · cleo@example.edu",
        "3 people are left out",
        "Ben : is inactive already",
        "Manager M : this is you",
        "has more rights than you, or is a superuser",
    ):
        assert words in page, words


def test_whoever_was_left_out_when_it_was_asked_stays_out(as_manager: Client, three: list[User]) -> None:
    ada, ben, _cleo = three
    User.objects.filter(pk=ben.pk).update(is_active=False)
    form = as_manager.get(BULK, {"action": "deactivate", "person": [str(ada.pk), str(ben.pk)]}).context

    assert form["ids"] == str(ada.pk)


def test_deactivates_them_with_one_entry_and_one_mail_each(
    as_manager: Client, staff: User, intern: User, sandbox: Sandbox
) -> None:
    key = issue(intern).key
    browser = signed_in(intern)

    response = post(as_manager, "deactivate", staff, intern, q="ada", order="-keys")

    assert response["Location"] == f"{reverse('people:index')}?q=ada&order=-keys"
    assert "2 accounts are deactivated." in words_of(as_manager.get(response["Location"]))
    assert browser.get("/").status_code == 302
    run_tasks()
    assert again(key).blocked
    entries = AuditEntry.objects.filter(object_kind="person", action=AuditAction.DEACTIVATE)
    assert sorted(entry.subject_id or 0 for entry in entries) == sorted([staff.pk, intern.pk])
    assert sorted(message.to[0] for message in mail.outbox) == [intern.email, staff.email]


def test_a_form_that_is_changed_or_sent_twice_does_nobody_harm(
    as_manager: Client, three: list[User], admin: User
) -> None:
    manager = User.objects.get(username="manager")
    admins = Group.objects.get(name="Admins")
    other = make_user("other-admin", groups=("Admins",))
    other.user_permissions.add(*admins.permissions.all())

    assert post(as_manager, "deactivate", manager, admin).status_code == 422
    post(as_manager, "deactivate", three[0])
    assert post(as_manager, "deactivate", three[0]).status_code == 422

    assert AuditEntry.objects.filter(action=AuditAction.DEACTIVATE).count() == 1
    assert User.objects.filter(pk__in=[manager.pk, admin.pk], is_active=True).count() == 2
    for data in (
        {"action": "nonsense", "people": "1"},
        {"action": "", "people": "1"},
        {},
    ):
        assert as_manager.post(BULK, data).status_code == 404, data
    for people in ("", ",,,", "x", "-1", "1e3", "9" * 40, "²", "\0"):
        for action in ACTIONS:
            assert as_manager.post(BULK, {"action": action, "people": people}).status_code == 422, (action, people)
            assert as_manager.get(BULK, {"action": action, "person": people}).status_code == 422, (action, people)


def test_a_superuser_deactivates_no_other_superuser_by_the_dozen(as_admin: Client, admin: User) -> None:
    other = make_user("root", is_superuser=True)

    assert post(as_admin, "deactivate", other, admin).status_code == 422


def test_adds_them_to_a_group_that_one_may_give(as_manager: Client, three: list[User]) -> None:
    group = Group.objects.create(name="Night owls")
    three[1].groups.add(group)

    assert "Add 3 people to a group?" in ask(as_manager, "group", *three)
    missing = post(as_manager, "group", *three)
    response = post(as_manager, "group", *three, to_group=group.pk, q="a")

    assert missing.status_code == 422
    assert response["Location"] == f"{reverse('people:index')}?q=a"
    assert "2 people were added to the group “Night owls”." in words_of(as_manager.get(response["Location"]))
    assert set(group.user_set.all()) == set(three)
    entries = AuditEntry.objects.filter(object_kind="person", action=AuditAction.CHANGE)
    assert {entry.subject for entry in entries} == {three[0], three[2]}
    assert {str(entry.details) for entry in entries} == {"{'changes': {'groups': [[], ['Night owls']]}}"}


def test_gives_no_group_with_more_rights(db: None, three: list[User], as_secretary: Client) -> None:
    admins = Group.objects.get(name="Admins")

    assert post(as_secretary, "group", *three, to_group=admins.pk).status_code == 422
    assert not admins.user_set.filter(pk__in=[person.pk for person in three]).exists()


def test_sets_the_end_of_the_stay_of_interns(as_manager: Client, staff: User, sandbox: Sandbox) -> None:
    key = issue(staff, "thesis", intern_name="Zoë", intern_email="zoe@example.edu").key
    zoe, nobody = make_intern("zoe", first_name="Zoë"), make_user("nobody")
    Intern.objects.update(account=zoe)
    day = date.today() + timedelta(days=3)  # noqa: DTZ011

    page = ask(as_manager, "stay", zoe, nobody)
    response = post(as_manager, "stay", zoe, nobody, stay_ends_on=day.isoformat())

    assert "Set the end of the stay of 1 person?" in page
    assert "nobody : is nobody’s intern" in page
    assert "The end of 1 stay is set." in words_of(as_manager.get(response["Location"]))
    assert Intern.objects.get().stay_ends_on == day
    ends = again(key).expires_at
    assert ends
    assert ends < timezone.now() + timedelta(days=4)
    assert post(as_manager, "stay", zoe, stay_ends_on="2020-01-01").status_code == 422
    assert post(as_manager, "stay", zoe, stay_ends_on="soon").status_code == 422


def test_says_how_far_it_came_when_the_gateway_does_not_answer(
    as_manager: Client, staff: User, sandbox: Sandbox
) -> None:
    people = []
    for name in ("a", "b"):
        issue(staff, name, intern_name=name, stay_ends_on=timezone.localdate() + timedelta(days=2))
        people.append(make_user(f"intern-{name}"))
        Intern.objects.filter(name=name).update(account=people[-1])
    for _number in range(3):
        sandbox.faults("/key/update", "error", status=503)

    later = post(as_manager, "stay", *people, stay_ends_on=(timezone.localdate() + timedelta(days=9)).isoformat())

    assert "2 stays are as they were" in words_of(as_manager.get(later["Location"]))


def test_all_that_match_the_filter_are_meant(as_manager: Client, three: list[User], staff: User) -> None:
    page = words_of(as_manager.get(BULK, {"action": "deactivate", "all": "1", "q": "ada"}))

    assert "Deactivate 1 account?" in page
    every = words_of(as_manager.get(BULK, {"action": "deactivate", "all": "1", "state": "active"}))
    assert "Deactivate 4 accounts?" in every


def test_too_many_are_refused(as_manager: Client, three: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("people.views.bulk.MAX_PEOPLE", 2)
    monkeypatch.setattr("people.views.bulk.MAX_STAYS", 2)

    for action in ACTIONS:
        assert post(as_manager, action, *three).status_code == 422
        assert "at most 2 at once" in ask(as_manager, action, *three)
    assert User.objects.filter(is_active=False).count() == 0


def test_limits_the_number_per_hour(as_manager: Client, three: list[User], settings: Settings) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 1
    post(as_manager, "deactivate", three[0])

    assert post(as_manager, "deactivate", three[1]).status_code == 429
    assert User.objects.get(pk=three[1].pk).is_active


def test_asking_about_many_costs_no_more_queries(as_manager: Client) -> None:
    people = [make_staff(f"many-{number}") for number in range(30)]

    def queries(some: list[User]) -> int:
        with CaptureQueriesContext(connection) as context:
            ask(as_manager, "deactivate", *some)
        return len(context)

    assert queries(people[:2]) == queries(people)


def test_a_stay_with_a_supervisor_who_has_more_rights_is_left_alone(as_manager: Client, admin: User) -> None:
    zoe = make_user("zoe")
    intern = Intern.objects.create(supervisor=admin, name="Zoe", account=zoe)

    page = ask(as_manager, "stay", zoe)
    response = post(as_manager, "stay", zoe, stay_ends_on=timezone.localdate().isoformat())

    assert "the supervisor has more rights than you, or is a superuser" in page
    assert response.status_code == 422
    intern.refresh_from_db()
    assert intern.stay_ends_on is None


def test_a_stay_that_the_gateway_refuses_keeps_no_other_from_its_end(
    as_manager: Client, staff: User, sandbox: Sandbox
) -> None:
    people, ends_on = [], timezone.localdate() + timedelta(days=9)
    for name in ("ada", "ben"):
        people.append(make_user(name))
        issue(staff, name, intern_name=name, stay_ends_on=timezone.localdate() + timedelta(days=2))
        Intern.objects.filter(name=name).update(account=people[-1])
    sandbox.faults("/key/update", "error", status=400, times=1)

    response = post(as_manager, "stay", *people, stay_ends_on=ends_on.isoformat())

    page = words_of(as_manager.get(response["Location"]))
    assert "The end of 1 stay is set." in page
    assert "Not changed: ada: The gateway refused it." in page
    assert Intern.objects.get(name="ben").stay_ends_on == ends_on
