"""The cost centre of people and groups: given, shown, written to the trail, part of lists."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, GroupCostCentre, User
from tests.keys.views.pages import assert_only, words_of
from tests.usage.views.facts import table_of

pytestmark = pytest.mark.django_db


def of_person(person: User) -> str:
    return reverse("people:cost_centre", args=[person.pk])


def of_group(group: Group) -> str:
    return reverse("people:group_cost_centre", args=[group.pk])


def test_a_person_gets_a_code_of_their_own(as_manager: Client, intern: User) -> None:
    group = Group.objects.get(name="Interns")
    GroupCostCentre.objects.create(group=group, code="G-1")
    page = reverse("people:person", args=[intern.pk])
    assert "Cost centre G-1 of the group Interns" in words_of(as_manager.get(page))
    assert "that of the group Interns holds: G-1." in words_of(as_manager.get(of_person(intern)))

    response = as_manager.post(of_person(intern), {"code": " 4711-A "}, follow=True)

    assert "The cost centre of Intern A is saved." in words_of(response)
    assert "Cost centre 4711-A Change" in words_of(as_manager.get(page))
    assert "4711-A" in words_of(as_manager.get("/people/"))
    rows = table_of(as_manager.get("/people/people.csv"))
    assert {row["person"]: row["cost_centre"] for row in rows}["intern"] == "4711-A"
    entry = AuditEntry.objects.get()
    assert (entry.actor_name, entry.subject) == ("Manager M", intern)
    assert entry.remark == "cost centre: – → 4711-A."
    as_manager.post(of_person(intern), {"code": "4711-A"})
    assert AuditEntry.objects.count() == 1


def test_a_group_gets_a_code_and_loses_it(as_policy_maker: Client) -> None:
    group = Group.objects.create(name="Vision")

    as_policy_maker.post(of_group(group), {"code": "G-1"})

    assert "Cost centre: G-1" in words_of(as_policy_maker.get(reverse("people:group", args=[group.pk])))
    assert "G-1" in words_of(as_policy_maker.get("/people/groups/"))
    assert 'value="G-1"' in as_policy_maker.get(of_group(group)).content.decode()
    as_policy_maker.post(of_group(group), {"code": ""})
    assert not GroupCostCentre.objects.exists()
    assert [entry.remark for entry in AuditEntry.objects.order_by("pk")] == [
        "cost centre: – → G-1.",
        "cost centre: G-1 → –.",
    ]


def test_refuses_a_code_that_is_too_long(as_manager: Client, intern: User) -> None:
    group = Group.objects.create(name="Vision")

    for address in (of_person(intern), of_group(group)):
        assert as_manager.post(address, {"code": "x" * 41}).status_code == 422
        assert_only(as_manager, address, "get", "post")
    assert not AuditEntry.objects.exists()
