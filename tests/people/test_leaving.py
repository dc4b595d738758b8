"""A supervisor leaves, on the pages: the new supervisor, and interns without one."""

from typing import Any

from django.test import Client
from django.urls import reverse

from accounts.models import User
from keys.models import Intern, Key
from tests.factories import make_intern, make_staff
from tests.keys.actions import again, issue
from tests.keys.views.pages import words_of
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks


def url_of(person: User, name: str = "deactivate") -> str:
    return reverse(f"people:{name}", args=[person.pk])


def key_for(staff: User, name: str = "Ada") -> Key:
    return issue(staff, name, intern_name=name, intern_email=f"{name.lower()}@x.org").key


def test_deactivating_offers_a_new_supervisor_who_has_the_interns_at_once(
    as_manager: Client, staff: User, sandbox: Sandbox
) -> None:
    key, own, other = key_for(staff), issue(staff, "own").key, make_staff("other", first_name="Other O")
    no_supervisor = make_intern("no-supervisor", first_name="Nobody N")

    asked = words_of(as_manager.get(url_of(staff)))
    response = as_manager.post(url_of(staff), {"supervisor": other.pk}, follow=True)

    assert "Nobody yet: their keys work until" in asked
    assert "Other O (other)" in asked
    assert no_supervisor.display_name not in asked
    assert "Deactivated: Staff B cannot sign in. Other O supervises the interns now." in words_of(response)
    assert Intern.objects.get().supervisor == other
    run_tasks()
    assert (again(key).owner, again(key).blocked) == (other, False)
    assert again(own).blocked
    assert "Nobody with these filters" in words_of(as_manager.get("/people/?state=left"))


def test_without_one_the_interns_are_listed_until_somebody_takes_them(
    as_manager: Client, staff: User, sandbox: Sandbox
) -> None:
    key, other = key_for(staff), make_staff("other", first_name="Other O")

    response = as_manager.post(url_of(staff), {"supervisor": ""}, follow=True)
    run_tasks()

    assert "Deactivated: Staff B cannot sign in, and the keys are being blocked." in words_of(response)
    assert not again(key).blocked
    assert "1 person" in words_of(as_manager.get("/people/?state=left"))
    page = words_of(as_manager.get(url_of(staff, "person")))
    assert "keys that interns use work until" in page
    assert "Hand over all interns" in page
    assert "Hand over 1 intern of Staff B?" in words_of(as_manager.get(url_of(staff, "hand_over")))
    handed = as_manager.post(url_of(staff, "hand_over"), {"supervisor": other.pk}, follow=True)
    assert "Other O supervises the interns of Staff B now." in words_of(handed)
    assert again(key).owner == other
    assert "Nobody with these filters" in words_of(as_manager.get("/people/?state=left"))


def test_an_intern_who_cannot_be_handed_over_keeps_the_account_open(
    as_manager: Client, staff: User, sandbox: Sandbox
) -> None:
    key_for(staff)
    other = make_staff("other", first_name="Other O")
    key_for(other)

    response = as_manager.post(url_of(staff), {"supervisor": other.pk})

    assert response.status_code == 409
    text = words_of(response)
    assert "The account is still active. 1 intern was not handed over:" in text
    assert "Ada: This person has an intern with this e-mail address already." in text
    staff.refresh_from_db()
    assert staff.is_active


def test_odd_choices_change_nothing(as_manager: Client, staff: User, sandbox: Sandbox) -> None:
    key_for(staff)
    may_not = make_intern("may-not")

    values: list[Any] = ["x", "\0", 0, -1, 10**30, staff.pk, may_not.pk]
    for value in values:
        for name in ("deactivate", "hand_over"):
            assert as_manager.post(url_of(staff, name), {"supervisor": value}).status_code == 422, (name, value)
    assert as_manager.post(url_of(staff, "hand_over")).status_code == 422
    assert as_manager.post(url_of(may_not, "hand_over")).status_code == 409
    staff.refresh_from_db()
    assert staff.is_active
    assert Intern.objects.get().supervisor == staff
