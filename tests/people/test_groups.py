"""Groups on the portal: the list, a group, its members; made, renamed, deleted."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Announcement, AuditAction, AuditEntry, Policy, User
from people.group_listing import GROUPS_PER_PAGE, SEARCH_FROM
from tests.conftest import signed_in
from tests.factories import make_policy, make_user
from tests.keys.actions import again, issue
from tests.keys.views.pages import words_of
from tests.people.conftest import with_permissions
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks
from tests.usage.views.facts import key_of, used

GROUPS = "/people/groups/"
MAX_QUERIES = 8
MAX_QUERIES_OF_A_GROUP = 8


def url(name: str, group: Group) -> str:
    return reverse(f"people:{name}", args=[group.pk])


def rows_of(page: str) -> list[str]:
    """Return the rows of the first table as words."""
    rows = re.findall(r"<tr>.*?</tr>", page.partition("</table>")[0], re.DOTALL)[1:]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).replace("\xa0", " ").split()) for row in rows]


@pytest.fixture
def course(db: None) -> Group:
    """Make a group with a policy and two people, one of whom has used a key."""
    make_policy("Course", person_budget_usd=Decimal(7), all_models=False, model_names=["small", "large"])
    ada, ben = (make_user(name, groups=("Course",), first_name=name.title()) for name in ("ada", "ben"))
    used(key_of(ada, "thesis"), "3", days_ago=0)
    make_user("cleo", first_name="Cleo")
    return Group.objects.get(name="Course")


# --- The list and a page ------------------------------------------------------------------------------
def test_lists_groups_with_their_policies_and_the_default_policy_first(as_manager: Client, course: Group) -> None:
    Group.objects.create(name="Plain")
    rows = rows_of(as_manager.get(GROUPS).content.decode())

    assert rows[0].startswith("Default policy for everybody who is in no group with a policy 1 5.00 USD a month")
    found = {row.split()[0]: row for row in rows}
    assert found["Course"] == (
        "Course members are added by hand 2 7.00 USD a month Temporary keys, The Playground’s key 2 3.00 USD"
    )
    assert "gives rights" in found["Admins"]
    assert "by the default policy" in found["Plain"]
    assert [row.split()[0] for row in rows] == ["Default", "Admins", "Course", "Interns", "Plain", "Staff"]


def test_offers_a_search_when_there_are_many_and_pages(as_manager: Client) -> None:
    assert 'type="search"' not in as_manager.get(GROUPS).content.decode()
    Group.objects.bulk_create(Group(name=f"Höhle {number:02}") for number in range(GROUPS_PER_PAGE))
    assert GROUPS_PER_PAGE > SEARCH_FROM

    page = as_manager.get(GROUPS).content.decode()

    assert 'type="search"' in page
    assert "1 to 25 of 29" in page
    assert len(rows_of(as_manager.get(GROUPS, {"page": "2"}).content.decode())) == 4
    assert len(rows_of(as_manager.get(GROUPS, {"page": "999"}).content.decode())) == 4
    assert [row.split()[1] for row in rows_of(as_manager.get(GROUPS, {"q": "hohle 07"}).content.decode())] == ["07"]
    assert "No group has that in its name." in words_of(as_manager.get(GROUPS, {"q": "nothing\0"}))


def test_the_list_runs_a_constant_number_of_queries(as_manager: Client, course: Group) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            as_manager.get(GROUPS)
        return len(captured)

    as_manager.get(GROUPS)
    few = queries()
    for number in range(5):
        make_policy(f"Group {number}")
        make_user(f"member-{number}", groups=(f"Group {number}",))

    assert queries() == few <= MAX_QUERIES


def test_shows_members_and_policy_of_a_group(as_manager: Client, course: Group) -> None:
    page = words_of(as_manager.get(url("group", course)))

    for words in (
        "People who are added here, from the list of people, or by an invitation.",
        "Budget per person 7.00 USD a month",
        "Personal keys not allowed",
        "2 models large, small",
        "Ada ada 1 3.00 USD",
        "Members 2 people",
    ):
        assert words in page, words
    assert "1 person at the moment" in words_of(as_manager.get(reverse("people:default_policy")))
    assert "Ada" not in words_of(as_manager.get(url("group", course), {"q": "ben"}))
    assert as_manager.get(reverse("people:group", args=[99999])).status_code == 404


# --- Made, renamed, deleted ---------------------------------------------------------------------------
def test_creating_renaming_and_deleting_a_group_is_audited(as_manager: Client, sandbox: Sandbox) -> None:
    made = as_manager.post(reverse("people:new_group"), {"name": " Night  owls "})
    group = Group.objects.get(name="Night owls")
    assert made["Location"] == url("group", group)
    assert "no policy of its own" in words_of(as_manager.get(made["Location"]))

    as_manager.post(url("rename_group", group), {"name": "Owls"})
    member = make_user("owl", groups=("Owls",))
    make_policy("Owls", person_budget_usd=Decimal(50), budget_usd=Decimal(50))
    key = issue(member).key
    asked = words_of(as_manager.get(url("delete_group", group)))
    as_manager.post(url("delete_group", group))

    for words in (
        "1 person is in it.",
        "For 1 person something changes. 1 key gets other limits",
        "become lower for 1",
    ):
        assert words in asked, words
    run_tasks()
    assert again(key).budget_usd == Decimal(5)
    assert not Group.objects.filter(pk=group.pk).exists()
    assert not Policy.objects.filter(group__name="Owls").exists()
    entries = AuditEntry.objects.exclude(object_kind="key").order_by("pk")
    said = [(entry.object_kind, entry.action, entry.label) for entry in entries]
    assert said == [
        ("group", AuditAction.ISSUE, "Night owls"),
        ("group", AuditAction.CHANGE, "Owls"),
        ("person", AuditAction.CHANGE, ""),
        ("policy", AuditAction.DELETE, "Owls"),
        ("group", AuditAction.DELETE, "Owls"),
    ]
    assert {entry.actor_name for entry in entries} == {"Manager M"}


def test_refuses_a_duplicate_or_empty_name(as_manager: Client, course: Group) -> None:
    plain = Group.objects.create(name="Plain")
    for address in (reverse("people:new_group"), url("rename_group", plain)):
        for name in ("staff", "", "a\u202eb", "x" * 151):
            assert as_manager.post(address, {"name": name}).status_code == 422, (address, name)
    assert as_manager.post(url("rename_group", plain), {"name": "plain"}).status_code == 302  # its own
    assert set(Group.objects.values_list("name", flat=True)) == {"Admins", "Staff", "Interns", "Course", "plain"}


def test_a_group_with_rights_or_of_the_institution_is_protected(
    as_manager: Client, as_admin: Client, course: Group, settings: Settings
) -> None:
    admins = Group.objects.get(name="Admins")
    by_claim = Group.objects.create(name="students")
    settings.OIDC_ISSUER, settings.OIDC_GROUPS_ALLOWED = "https://id.example.edu", ["students"]
    given = Group.objects.create(name="given")
    User.objects.get(username="ada").institution_groups.add(given)

    for group in (admins, by_claim, given):
        for name in ("rename_group", "delete_group"):
            assert as_admin.get(url(name, group)).status_code == 403, (group, name)
            assert as_admin.post(url(name, group), {"name": "mine"}).status_code == 403, (group, name)
        assert url("rename_group", group) not in as_admin.get(url("group", group)).content.decode()
    assert "given by the institution" in words_of(as_manager.get(GROUPS))
    assert Group.objects.filter(name__in=["Admins", "students", "given"]).count() == 3


def test_a_group_is_not_deleted_while_an_announcement_is_for_it_only(as_manager: Client, course: Group) -> None:
    """Without the group nobody would see it."""
    now = timezone.now()
    announcement = Announcement.objects.create(
        text_en="Exam", text_fr="Examen", ends_at=now + timedelta(days=1), for_everybody=False
    )
    announcement.groups.add(course)

    answer = as_manager.post(url("delete_group", course))

    assert answer.status_code == 409
    assert "An announcement is for this group only." in words_of(answer)
    announcement.groups.add(Group.objects.get(name="Staff"))
    assert as_manager.post(url("delete_group", course)).status_code == 302
    assert [group.name for group in announcement.groups.all()] == ["Staff"]


# --- Members ------------------------------------------------------------------------------------------
def test_adds_pasted_people_after_a_preview_of_those_left_out(
    as_manager: Client, course: Group, sandbox: Sandbox
) -> None:
    cleo = User.objects.get(username="cleo")
    key = issue(cleo).key
    text = "CLEO\nBen, Nobody Here <nobody@example.edu>; ada@example.edu manager"

    asked = as_manager.post(url("add_members", course), {"names": text})
    page = words_of(asked)

    for words in (
        "Add 1 person to “Course”?",
        "1 person Cleo cleo",
        "Ben : is in the group already",
        "Manager M : this is you",
        "1 name was not found nobody@example.edu",
    ):
        assert words in page, words
    assert course.user_set.count() == 2
    done = as_manager.post(url("add_members", course), {"person": [cleo.pk], "step": "action"})
    assert "1 person was added to the group “Course”." in words_of(as_manager.get(done["Location"]))
    run_tasks()
    assert again(key).model_names == ["large", "small"]
    entry = AuditEntry.objects.get(object_kind="person", action=AuditAction.CHANGE)
    assert (entry.subject, entry.details) == (cleo, {"changes": {"groups": [[], ["Course"]]}})


def test_finds_people_outside_of_the_group(as_manager: Client, course: Group) -> None:
    page = words_of(as_manager.get(url("add_members", course), {"q": "e"}))

    assert "Cleo" in page
    assert "Ben" not in page
    assert "Nobody outside the group" in words_of(as_manager.get(url("add_members", course), {"q": "ben"}))


def test_removes_people_except_those_added_by_the_institution(as_manager: Client, course: Group) -> None:
    ada, ben = User.objects.get(username="ada"), User.objects.get(username="ben")
    ben.institution_groups.add(course)
    both = {"person": [ada.pk, ben.pk]}

    page = words_of(as_manager.get(url("remove_members", course), both))
    as_manager.post(url("remove_members", course), {**both, "step": "action"})

    assert "Remove 1 person from “Course”?" in page
    assert "Ben : the institution gives the group at each sign-in" in page
    assert list(course.user_set.all()) == [ben]
    entry = AuditEntry.objects.get(object_kind="person")
    assert (entry.subject, entry.details) == (ada, {"changes": {"groups": [["Course"], []]}})
    assert as_manager.post(url("remove_members", course), {**both, "step": "action"}).status_code == 422


def test_invalid_members_are_refused_with_a_message(as_manager: Client, course: Group) -> None:
    for data in (
        {},
        {"names": "  \n ,"},
        {"names": "nobody"},
        {"names": "\0"},
        {"names": " ".join(f"n{number}" for number in range(501))},
        {"person": ["x", "-1", "9" * 30, "²"]},
        {"person": [str(number) for number in range(1, 600)], "step": "action"},
    ):
        assert as_manager.post(url("add_members", course), data).status_code == 422, data
        assert as_manager.post(url("remove_members", course), data).status_code == 422, data
    assert course.user_set.count() == 2


def test_nobody_gives_rights_that_they_lack(db: None, course: Group, as_secretary: Client) -> None:
    admins, cleo = Group.objects.get(name="Admins"), User.objects.get(username="cleo")
    boss = make_user("boss", groups=("Admins", "Course"))

    for name in ("add_members", "remove_members"):
        answer = as_secretary.post(url(name, admins), {"person": [cleo.pk], "step": "action"})
        assert answer.status_code == 403, name
    removed = as_secretary.post(url("remove_members", course), {"person": [boss.pk], "step": "action"})

    assert removed.status_code == 422
    assert set(boss.groups.all()) == {admins, course}
    assert not cleo.groups.exists()


def test_actions_are_limited_per_hour(as_manager: Client, course: Group, settings: Settings) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 1
    cleo = User.objects.get(username="cleo")
    actions: dict[str, dict[str, Any]] = {
        "add_members": {"person": [cleo.pk], "step": "action"},
        "remove_members": {"person": list(course.user_set.values_list("pk", flat=True)), "step": "action"},
        "policy_state": {},
    }

    for name, data in actions.items():
        as_manager.post(url(name, course), data)
        User.objects.get(username="ada").groups.add(course)
        course.user_set.remove(cleo)
        assert as_manager.post(url(name, course), data).status_code == 429, name
    as_manager.post(reverse("people:new_group"), {"name": ""})
    assert as_manager.post(reverse("people:new_group"), {"name": "New"}).status_code == 429


def test_secretaries_with_both_permissions_need_no_other_page(db: None, course: Group) -> None:
    secretary = with_permissions("secretary", "manage_people", "manage_policies")
    browser = signed_in(secretary)

    assert not secretary.is_staff
    for address in (GROUPS, url("group", course), url("change_policy", course), url("add_members", course)):
        assert browser.get(address).status_code == 200, address


@pytest.mark.parametrize("actor", ["manager", "root"])
def test_the_page_of_a_group_costs_few_queries(course: Group, actor: str) -> None:
    browser = signed_in(make_user(actor, groups=("Admins",), is_superuser=actor == "root"))
    browser.get(url("group", course))

    with CaptureQueriesContext(connection) as captured:
        browser.get(url("group", course))

    assert len(captured) <= MAX_QUERIES_OF_A_GROUP, "\n".join(query["sql"][:200] for query in captured)
