"""People in a browser: find somebody, block a key, with a mouse or a keyboard; long names fit on a phone."""

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import User
from keys.models import Intern, Key, UnownedKey
from tests.browser.axe import violations
from tests.browser.fitting import LONG, assert_fits_narrow_windows
from tests.browser.test_narrow import NARROW
from tests.browser.test_pages import sticks_out
from tests.browser.visit import Visit
from tests.factories import make_policy, make_staff, make_user
from tests.keys.actions import again, issue
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.browser


@pytest.fixture
def manager(db: None) -> User:
    return make_user("manager", groups=("Admins",), first_name="Manager")


@pytest.fixture
def wide(sandbox: Sandbox) -> Key:
    """Make somebody with a long name, a long address, and a key with a long label for an intern with a long name."""
    person = make_staff("w" * 60, first_name=LONG, email=f"{'w' * 50}@example.edu")
    key = issue(person, LONG, intern_name=LONG).key
    Intern.objects.update(email=f"{'v' * 50}@example.edu")
    return key


@pytest.mark.slow
def test_long_names_fit_into_narrow_windows(visit: Visit, manager: User, wide: Key, axe_everywhere: bool) -> None:
    person, key = [wide.owner_id], [wide.owner_id, wide.pk]
    make_policy(LONG, temporary__all_models=False, temporary__model_names=["small", LONG])
    group = Group.objects.get(name=LONG)
    User.objects.get(pk=wide.owner_id).groups.add(group)
    outside = UnownedKey.objects.create(token="b" * 64, alias="w" * 60, user_id="v" * 60, team_id=LONG)
    paths = [
        reverse("people:index"),
        f"{reverse('people:index')}?q=nobody&state=active&group=Interns",
        reverse("people:person", args=person),
        reverse("people:deactivate", args=person),
        reverse("people:anonymise", args=person),
        reverse("people:block_key", args=key),
        reverse("people:keys"),
        f"{reverse('people:keys')}?q=nobody&state=outside&owner=inactive",
        f"{reverse('people:bulk_keys')}?action=block&key={wide.pk}",
        reverse("people:groups"),
        reverse("people:outside_keys"),
        f"{reverse('people:act_on_outside_keys')}?action=give&key={outside.pk}&who={wide.owner.username}",
        *(reverse(f"people:{name}", args=[group.pk]) for name in ("group", "change_policy", "delete_group")),
        f"{reverse('people:add_members', args=[group.pk])}?q=manager",
    ]

    assert_fits_narrow_windows(visit, manager, paths, everywhere=axe_everywhere)


def test_finds_somebody_and_blocks_a_key(visit: Visit, manager: User, intern: User, sandbox: Sandbox) -> None:
    key = issue(intern, "thesis").key
    page = visit("/usage/", user=manager)

    page.get_by_role("link", name="Admin", exact=True).click()
    page.get_by_role("searchbox", name="Search").fill("intern")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="1 person")).to_be_visible()
    expect(page).to_have_url(f"{visit.url}/people/?q=intern")
    page.get_by_role("link", name="Intern A", exact=True).click()
    page.get_by_text("More for thesis").locator("..").press("Enter")
    page.get_by_role("link", name="Block").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    assert violations(page) == []
    dialog.get_by_role("link", name="Cancel").press("Enter")
    expect(dialog).to_be_hidden()
    page.get_by_text("More for thesis").locator("..").press("Enter")
    page.get_by_role("link", name="Block").press("Enter")
    dialog.get_by_role("button", name="Block this key").press("Enter")

    expect(page.get_by_text("Blocked: the gateway refuses “thesis” until you unblock it.")).to_be_visible()
    assert again(key).blocked


def test_blocks_two_keys_of_all_people(visit: Visit, manager: User, intern: User, wide: Key) -> None:
    keys = [issue(intern, label).key for label in ("thesis", "survey")]
    page = visit("/people/", user=manager)

    page.get_by_role("link", name="Keys", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="3 keys")).to_be_visible()
    assert violations(page) == []
    for label in ("thesis", "survey"):
        page.get_by_role("checkbox", name=f"Choose “{label}” of Intern A").check()
    page.get_by_role("button", name="Block", exact=True).click()
    expect(page.get_by_role("heading", name="Block 2 keys?")).to_be_visible()
    page.set_viewport_size(NARROW)
    assert (sticks_out(page), violations(page)) == (0, [])
    page.get_by_role("button", name="Block", exact=True).press("Enter")

    expect(page.get_by_text("2 keys are blocked.")).to_be_visible()
    expect(page.locator("tbody tr").filter(has_text="Blocked")).to_have_count(2)
    assert all(again(key).blocked for key in keys)
    assert not again(wide).blocked
    assert (sticks_out(page), violations(page)) == (0, [])
