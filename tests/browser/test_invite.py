"""A secretary invites a class of forty from a pasted list, in a few clicks; the pages fit a phone and need no mouse."""

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import Invitation, User
from tests.browser.axe import violations
from tests.browser.fitting import LONG, assert_fits_narrow_windows
from tests.browser.visit import Visit
from tests.factories import INTERNS, make_policy, make_staff
from tests.keys.actions import issue
from tests.people.conftest import with_permissions
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.browser

CLASS = "Name\tE-mail\n" + "\n".join(f"Student {number:02d}\tstudent{number}@example.edu" for number in range(40))


@pytest.fixture
def secretary(db: None) -> User:
    make_policy("Interns", **INTERNS)
    return with_permissions("secretary", "manage_people")


def test_a_class_is_invited_with_a_policy_and_its_keys_are_seen_in_few_clicks(
    visit: Visit, secretary: User, sandbox: Sandbox
) -> None:
    page = visit("/", user=secretary)
    clicks = 0

    def click(role: str, name: str) -> None:
        nonlocal clicks
        page.get_by_role(role, name=name, exact=True).click()  # type: ignore[arg-type]
        clicks += 1

    click("link", "Admin")
    click("link", "Invite people")
    page.get_by_label("People", exact=True).fill(CLASS)
    click("checkbox", "Interns")
    assert violations(page) == []
    click("button", "Check the list")
    expect(page.get_by_role("heading", name="Invite 40 people?")).to_be_visible()
    assert violations(page) == []
    click("button", "Invite 40 people")
    expect(page.get_by_text("40 people are invited. The mails are on their way.")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="40 people")).to_be_visible()
    expect(page.get_by_role("link", name="Student 39", exact=True)).to_be_visible()
    assert violations(page) == []

    for person in User.objects.filter(email__startswith="student3"):
        issue(person, f"key of {person.display_name}")
    click("link", "Keys")
    page.get_by_role("searchbox", name="Search", exact=True).fill("student")
    click("button", "Apply")
    expect(page.get_by_role("status").filter(has_text="11 keys")).to_be_visible()
    expect(page.get_by_text("key of Student 39")).to_be_visible()

    assert clicks < 12
    assert Invitation.objects.count() == 40
    assert Group.objects.get(name="Interns").user_set.count() == 40


def test_some_or_all_of_the_list_are_added_to_a_group_by_keyboard(visit: Visit, secretary: User) -> None:
    group = Group.objects.create(name="Night owls")
    people = [make_staff(f"owl-{number}", first_name=f"Owl {number}") for number in range(30)]
    page = visit("/people/?q=owl", user=secretary)

    page.get_by_role("checkbox", name="Choose Owl 0", exact=True).press("Space")
    page.get_by_role("checkbox", name="Choose Owl 1", exact=True).press("Space")
    page.get_by_role("button", name="Add to a group").press("Enter")
    expect(page.get_by_role("heading", name="Add 2 people to a group?")).to_be_visible()
    page.get_by_role("link", name="Cancel").press("Enter")
    page.get_by_role("checkbox", name="All 30 people of this list").press("Space")
    page.get_by_role("button", name="Add to a group").press("Enter")
    page.get_by_label("Group", exact=True).select_option("Night owls")
    assert violations(page) == []
    page.get_by_role("button", name="Add to this group").press("Enter")

    expect(page.get_by_text("30 people were added to the group “Night owls”.")).to_be_visible()
    expect(page).to_have_url(f"{visit.url}/people/?q=owl")
    assert set(group.user_set.all()) == set(people)


def preview(page: Page) -> None:
    page.goto(reverse("people:invite"))
    rows = [f"{LONG} {LONG};{'w' * 50}@example.edu;{LONG}", f"{LONG};{'v' * 60}@{'x' * 60}.edu", f"{LONG};nothing"]
    page.get_by_label(page.locator("label[for=id_people]").inner_text(), exact=True).fill("\n".join(rows))
    page.locator("button[value=preview]").click()
    page.wait_for_selector("table")


@pytest.mark.slow
def test_long_names_fit_into_narrow_windows(
    visit: Visit, secretary: User, sandbox: Sandbox, axe_everywhere: bool
) -> None:
    long = make_staff("w" * 60, first_name=LONG)
    issue(long, LONG, intern_name=LONG)
    Group.objects.create(name=LONG)
    paths = [
        reverse("people:index"),
        reverse("people:invite"),
        *(f"{reverse('people:bulk')}?action={action}&person={long.pk}" for action in ("group", "stay", "deactivate")),
        reverse("people:person", args=[long.pk]),
        reverse("people:deactivate", args=[long.pk]),
        reverse("people:hand_over", args=[long.pk]),
    ]

    assert_fits_narrow_windows(visit, secretary, [*paths, preview], everywhere=axe_everywhere)
