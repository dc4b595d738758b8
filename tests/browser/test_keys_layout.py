"""My keys in every width: nothing overlaps, long names wrap; leaving an uncopied secret asks for a confirmation."""

import gzip

import pytest
from django.test import Client
from playwright.sync_api import Dialog, Page, expect

from accounts.models import User
from keys.models import Key
from tests.browser.visit import Visit
from tests.factories import make_policy, make_user
from tests.keys.actions import ending_in, issue
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.browser

LONG = "Comparaison-des-grands-modèles-de-langue-francophones-2026-α"  # 60 letters, nowhere to break


# What lies over texts: visible boxes of two lists of selectors, compared in each row.
OVERLAPS = """([row, texts, others]) => {
  const boxes = (within, selector) => [...within.querySelectorAll(selector)]
    .filter((it) => it.checkVisibility({ visibilityProperty: true }))
    .map((it) => [it.innerText, it.getBoundingClientRect()])
    .filter(([, box]) => box.width && box.height);
  const apart = (a, b) => a.right <= b.left + 0.5 || b.right <= a.left + 0.5 || a.bottom <= b.top + 0.5
    || b.bottom <= a.top + 0.5;
  return [...document.querySelectorAll(row)].flatMap((each) => boxes(each, texts).flatMap(([text, box]) =>
    boxes(each, others).filter(([, other]) => !apart(box, other)).map(([over]) => `${over} over ${text}`)));
}"""
# The texts of the visible numbers that end outside of the window.
CUT_OFF = """selector => [...document.querySelectorAll(selector)]
  .filter((it) => it.checkVisibility({ visibilityProperty: true }) && !it.matches(".hide-s"))
  .filter((it) => it.getBoundingClientRect().right > innerWidth + 0.5).map((it) => it.innerText)"""


def test_overlapping_texts_are_found(visit: Visit, staff: User, sandbox: Sandbox) -> None:
    issue(staff, "thesis")
    page = visit("/", user=staff, first=True)

    page.evaluate("""() => {
      const { left, top } = document.querySelector("[data-row] h3 a").getBoundingClientRect();
      const style = document.querySelector("[data-row] .ps-key-actions").style;
      Object.assign(style, { position: "fixed", left: `${left}px`, top: `${top}px`, margin: 0 });
    }""")
    page.evaluate("document.querySelector('[data-row] .num').style.marginLeft = '3000px'")

    assert page.evaluate(
        OVERLAPS, ["[data-row]", "h3 a, p, .ps-state", ".ps-key-actions button, .ps-key-actions summary"]
    )
    assert page.evaluate(CUT_OFF, ".num")


@pytest.mark.parametrize("language", ["en-GB", "fr"])
def test_the_first_form_of_somebody_with_both_kinds_fits(visit: Visit, db: None, language: str) -> None:
    make_policy("Researchers", personal__allowed=True, personal__lifetime_days=1825, temporary__lifetime_days=365)
    page = visit("/", user=make_user(groups=("Researchers",)), locale=language)
    choice = page.locator(".ps-create .ps-choice > div")

    for width in (390, 640, 799, 800, 1000, 1100, 1280, 1600):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(OVERLAPS, [".ps-create", ".ps-choice label", ".ps-create > button"]) == [], width
        right = page.evaluate("document.querySelector('.ps-create').getBoundingClientRect().right")
        box = choice.bounding_box()
        assert box, width
        assert box["x"] + box["width"] <= right + 0.5, width


@pytest.mark.parametrize("language", ["en-GB", "fr"])
def test_actions_overlap_no_text_of_a_key(visit: Visit, staff: User, sandbox: Sandbox, language: str) -> None:
    for label in (LONG, "short"):
        ending_in(issue(staff, label, intern_name="Intern B").key, sandbox, days=3)
    page = visit("/", user=staff, locale=language)
    expect(page.locator("[data-row] .ps-key-actions button").first).to_be_visible()

    for width in (320, 390, 575, 576, 768, 1099, 1100, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        texts, actions = "h3 a, p, .ps-state", ".ps-key-actions button, .ps-key-actions summary"
        assert page.evaluate(OVERLAPS, ["[data-row]", texts, actions]) == [], width
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width


def test_long_names_wrap_and_numbers_stay(visit: Visit, staff: User, sandbox: Sandbox) -> None:
    key = issue(staff, LONG, intern_name="Bartholomäus-Maximilian von Hohenfels-Schwarzenberg-Langenstein").key
    page = visit("about:blank", user=staff)

    for path in ("/", "/usage/interns/", f"/keys/{key.pk}/"):
        page.goto(path)
        expect(page.locator("h1").first).to_be_visible()
        for width in (390, 768):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(CUT_OFF, "td.num, .ps-key-spend .num, dd") == [], (path, width)


def dialogs_of(page: Page) -> list[str]:
    """Return a list that fills with the dialogs of a page; what asks before leaving is answered with "stay".

    For a window of its own (`first=True`): the listener stays with it.
    """
    seen: list[str] = []

    def stay(dialog: Dialog) -> None:
        seen.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    return seen


def test_leaving_before_copying_the_secret_asks_for_confirmation(visit: Visit, intern: User, sandbox: Sandbox) -> None:
    page = visit("/", user=intern, first=True)
    page.get_by_role("textbox", name="Label").fill("thesis")
    page.get_by_role("button", name="Create key").click()
    secret = page.locator("#keys-secret")
    expect(secret).to_be_visible()
    asked = dialogs_of(page)

    page.get_by_role("link", name="Models").first.click()
    expect(secret).to_be_visible()
    assert asked == ["beforeunload"]

    page.get_by_role("link", name="Models").first.click()  # asked once, not again
    page.wait_for_url("**/models/")
    assert asked == ["beforeunload"]


@pytest.mark.parametrize("way", ["button", "keyboard", "says so"])
def test_leaving_after_copying_the_secret_needs_no_confirmation(
    visit: Visit, intern: User, sandbox: Sandbox, way: str
) -> None:
    page = visit("/", user=intern, first=True)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("textbox", name="Label").fill("thesis")
    page.get_by_role("button", name="Create key").click()
    expect(page.locator("#keys-secret")).to_be_visible()
    asked = dialogs_of(page)

    if way == "button":
        page.get_by_role("button", name="Copy key").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
    if way == "keyboard":
        page.evaluate("getSelection().selectAllChildren(document.getElementById('keys-secret'))")
        page.keyboard.press("ControlOrMeta+c")
    name = "I have copied it. Go to My keys" if way == "says so" else "Models"
    page.get_by_role("link", name=name).first.click()
    expect(page.locator("#keys-secret")).to_have_count(0)

    assert asked == []


def test_leaving_a_page_without_a_secret_needs_no_confirmation(visit: Visit, intern: User, sandbox: Sandbox) -> None:
    page = visit("/", user=intern, first=True)
    asked = dialogs_of(page)
    page.get_by_role("textbox", name="Label").fill("thesis")

    page.get_by_role("link", name="Models").first.click()
    page.wait_for_url("**/models/")

    assert asked == []


@pytest.mark.parametrize("path", ["/", "/models/"])
def test_long_lists_are_sent_compressed(as_staff: Client, path: str) -> None:
    answer = as_staff.get(path, headers={"accept-encoding": "gzip"})

    assert answer["Content-Encoding"] == "gzip"
    assert b"<!doctype html>" in gzip.decompress(answer.content)


def test_the_page_with_a_secret_is_not_compressed(as_staff: Client, sandbox: Sandbox) -> None:
    form = {"label": "thesis", "kind": Key.Kind.TEMPORARY}
    answer = as_staff.post("/keys/create/", form, headers={"accept-encoding": "gzip"})

    assert answer.status_code == 201
    assert "Content-Encoding" not in answer
