"""Every page, light and dark, wide and narrow: axe finds nothing, nothing sticks out, nothing is written inline.

That the browser complains of nothing (a refused script or style, a file that is missing, another machine that is asked)
is seen after every test of this folder: see the fixture `visit`.
"""

import pytest
from playwright.sync_api import Page

from accounts.models import User
from tests.browser.axe import NOT_OF_COLOURS, OF_COLOURS, violations
from tests.browser.key_states import keys_in_every_state
from tests.browser.page_list import OF_A_NEWCOMER, OF_STAFF, PUBLIC, Way
from tests.browser.visit import DESK, PHONE, Visit
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

# Chart.js sizes its canvas by script, which is no inline style.
INLINE = """[...document.querySelectorAll('script:not([src]), style, [style]:not([style=""], canvas)')]
  .map((element) => element.outerHTML)"""


@pytest.mark.timeout(900)  # many pages, each looked at up to six times
def test_public_pages_are_accessible_and_fit_the_window(visit: Visit, axe_everywhere: bool) -> None:
    assert_all_in_order(visit("about:blank"), PUBLIC, axe_everywhere)


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_pages_of_a_new_person_are_accessible_and_fit_the_window(
    visit: Visit, intern: User, axe_everywhere: bool
) -> None:
    assert_all_in_order(visit("about:blank", user=intern), OF_A_NEWCOMER, axe_everywhere)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_pages_with_many_keys_are_accessible_and_fit_the_window(
    visit: Visit, staff: User, sandbox: Sandbox, axe_everywhere: bool
) -> None:
    keys_in_every_state(staff, sandbox)

    assert_all_in_order(visit("about:blank", user=staff), OF_STAFF, axe_everywhere)


def assert_all_in_order(page: Page, ways: dict[str, Way], axe_everywhere: bool) -> None:
    """Go to one page after the other, and look at each."""
    found: dict[str, list[str]] = {}
    for name, way in ways.items():
        page.set_viewport_size(DESK)
        page.emulate_media(color_scheme="light")
        way(page)
        found |= {f"{name}, {where}": what for where, what in disorder(page, axe_everywhere).items()}
    assert len(found) > len(ways)
    assert {where: what for where, what in found.items() if what} == {}


def assert_in_order(page: Page, axe_everywhere: bool) -> None:
    """Look at the page where it is."""
    assert {where: what for where, what in disorder(page, axe_everywhere).items() if what} == {}


def disorder(page: Page, axe_everywhere: bool) -> dict[str, list[str]]:
    """Look at a page in three widths, with axe on the desk in light; return what is wrong, by where it is.

    Axe everywhere: also in the dark for what depends on colours, since nothing else changes, and on a phone for what
    does not: the colours of a phone are the same. `test_full_pages.py` looks at them there, too.
    """
    found = {"inline": page.evaluate(INLINE)}
    page.set_viewport_size(DESK)
    found["beyond 1280 px"] = beyond_the_window(page)
    found["light, 1280 px"] = violations(page)
    if axe_everywhere:
        page.emulate_media(color_scheme="dark")
        found["dark, 1280 px"] = violations(page, OF_COLOURS)
        page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    found["beyond 390 px"] = beyond_the_window(page)
    if axe_everywhere:
        found["light, 390 px"] = violations(page, NOT_OF_COLOURS)
    page.set_viewport_size({"width": 360, "height": 700})
    found["beyond 360 px"] = beyond_the_window(page)
    return found


STICKING_OUT = """() => {
  const scrolls = (one) => getComputedStyle(one).overflowX !== "visible"
  const cuts = (one) => one && one !== document.body && (scrolls(one) || cuts(one.parentElement))
  const right = (one) => Math.round(one.getBoundingClientRect().right)
  return [...document.body.querySelectorAll("*")]
    .filter((one) => right(one) > document.documentElement.clientWidth && !cuts(one.parentElement))
    .map((one) => `${one.localName}.${one.className} ends at ${right(one)} px: ${one.textContent.trim().slice(0, 40)}`)
}"""


def beyond_the_window(page: Page) -> list[str]:
    """Return by how many pixels the page is wider than the window, and the elements that stick out; or nothing."""
    return [f"{pixels} px", *page.evaluate(STICKING_OUT)] if (pixels := sticks_out(page)) else []


def sticks_out(page: Page) -> int:
    """Return by how many pixels the page is wider than the window."""
    beyond: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return beyond


@pytest.mark.parametrize(
    ("harm", "rule"),
    [
        ("document.querySelector('h1').style.color = '#e3e6e7'", "color-contrast"),
        ("document.querySelector('[role=img]').ariaLabel = ''", "svg-img-alt"),
    ],
)
def test_axe_finds_violations(visit: Visit, intern: User, harm: str, rule: str) -> None:
    page = visit("/", user=intern, color_scheme="light")

    page.evaluate(harm)

    assert [found.partition(":")[0] for found in violations(page)] == [rule]


@pytest.mark.parametrize(
    "harm",
    [
        "document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">red</p>')",
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"http://192.0.2.1/spy.gif\">')",
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"/static/img/none.svg\">')",
        "console.error('something is wrong')",
    ],
)
def test_browser_errors_fail_the_test(visit: Visit, intern: User, harm: str) -> None:
    page = visit("/", user=intern)

    page.evaluate(harm)

    wait_until(lambda: page.evaluate("true") and visit.complaints)  # Playwright hears of them while it is asked
    visit.complaints.clear()
