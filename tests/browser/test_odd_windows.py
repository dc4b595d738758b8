"""Long names in narrow windows, forced colours, print, and a slow network."""

from collections.abc import Callable, Iterator
from itertools import product

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Page, Route, ViewportSize, expect

from accounts.models import User
from keys.models import GatewayModel
from tests.browser.portal_process import Portal
from tests.browser.test_pages import sticks_out
from tests.browser.usage_data import weeks_of_use
from tests.browser.visit import PHONE, Visit
from tests.browser.windows import Windows
from tests.sandbox_process import Sandbox
from usage.models import PollRun, utc_today

pytestmark = pytest.mark.browser
TABLET: ViewportSize = {"width": 768, "height": 1024}
SMALL_PHONE: ViewportSize = {"width": 360, "height": 700}
LONG_NAMES = ("Maximiliana-Wilhelmina Featherstonehaugh-Cholmondeley-Majoribanks", "Llanfairpwllgwyngyll" * 3)
LONG_MODEL = "Qwen/Qwen3-Coder-480B-A35B-Instruct-2507-FP8-throughput-tier"
# The texts of the table cells of a row that begin outside of the window, or are cut at its edge.
OUT_OF_SIGHT = """row => [...row.cells].filter((cell) => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  const { width, right } = range.getBoundingClientRect();
  return width && right > innerWidth;
}).map((cell) => cell.innerText.trim())"""


@pytest.fixture
def people_with_long_names(visit: Visit, staff: User, intern: User) -> None:
    """Let there be three weeks of use of many, and two of them have names of 60 letters and more."""
    weeks_of_use(staff, intern, days=20)
    for person, name in zip(("person-06", "person-18"), LONG_NAMES, strict=True):  # who spend much: on the first page
        User.objects.filter(username=person).update(first_name=name, last_name="")


# --- Long names -----------------------------------------------------------------------------------
def test_long_names_leave_the_numbers_of_people_visible(
    visit: Visit, people_with_long_names: None, admin: User
) -> None:
    wrong = []
    for language, size in product(("en-GB", "fr"), (PHONE, TABLET)):
        page = visit("/usage/everyone/", user=admin, locale=language, viewport=size)
        for name in LONG_NAMES:
            hidden = page.get_by_role("row").filter(has_text=name[:60]).evaluate(OUT_OF_SIGHT)
            if len(hidden) > (1 if size == PHONE else 0):  # the last column tells when, and can be scrolled to
                wrong.append((language, size, hidden))
        if beyond := sticks_out(page):
            wrong.append((language, size, f"{beyond} px too wide"))

    assert wrong == []


def test_a_long_model_name_leaves_its_prices_visible(visit: Visit, intern: User) -> None:
    GatewayModel.objects.filter(name="gpt-4o-mini").update(name=LONG_MODEL)
    page = visit("/models/", user=intern, viewport=PHONE)
    for size in (PHONE, TABLET):
        page.set_viewport_size(size)
        assert page.get_by_role("row").filter(has_text=LONG_MODEL).evaluate(OUT_OF_SIGHT) == []


def test_a_long_error_leaves_the_numbers_of_a_run_visible(visit: Visit, admin: User) -> None:
    about = {"kind": PollRun.Kind.BUTTON, "first_day": utc_today(), "last_day": utc_today()}
    PollRun.objects.create(
        **about,
        outcome=PollRun.Outcome.FAILED,
        problem="The gateway said " + "no" * 60,
        rows_read=123456,
        rows_written=6543,
    )
    page = visit("/usage/runs/", user=admin, viewport=PHONE)
    for size in (PHONE, TABLET):
        page.set_viewport_size(size)
        assert page.get_by_role("row").last.evaluate(OUT_OF_SIGHT) == []


@pytest.fixture(scope="module")
def named_portal(sandbox_process: Sandbox) -> Iterator[Portal]:
    """Serve a portal of an institution with a long name."""
    name = "Rheinisch-Westfälische Technische Universität Nordmarkhausen"
    oidc = {"OIDC_ISSUER": "http://127.0.0.1:9", "OIDC_CLIENT_ID": "portal", "OIDC_CLIENT_SECRET": "x" * 40}
    with Portal(sandbox_process, OIDC_NAME=name, **oidc) as running:
        yield running


@pytest.mark.slow
def test_the_button_of_an_institution_with_a_long_name_wraps(
    visit: Visit, windows: Windows, named_portal: Portal
) -> None:
    elsewhere = Windows(windows.browser, named_portal.url)
    page = elsewhere.new(viewport=SMALL_PHONE, locale="fr")
    page.goto("/account/login/")
    button = page.get_by_role("link", name="Nordmarkhausen")

    assert sticks_out(page) == 0
    assert button.evaluate("it => it.scrollWidth - it.clientWidth") == 0
    edges = button.evaluate(
        "it => { const range = document.createRange(); range.selectNodeContents(it);"
        " return [range.getBoundingClientRect(), it.getBoundingClientRect()].map(({ left, right }) => [left, right]); }"
    )
    assert edges[1][0] < edges[0][0] < edges[0][1] < edges[1][1]
    page.context.close()


@pytest.mark.parametrize("language", ["en-GB", "fr"])
def test_the_whole_navigation_is_visible_on_a_small_phone(visit: Visit, intern: User, language: str) -> None:
    page = visit("/", user=intern, viewport=SMALL_PHONE, locale=language)

    for width in (320, 360, 390):
        page.set_viewport_size({"width": width, "height": 700})
        places = page.locator(".ps-nav a").all()
        assert len(places) == 5
        assert all(place.bounding_box()["x"] + place.bounding_box()["width"] <= width for place in places)  # type: ignore[index]


# --- Forced colours -------------------------------------------------------------------------------
LOOK = """them => them.map((it) => {
  const { backgroundColor, borderBottomColor, outlineStyle, color } = getComputedStyle(it);
  return [backgroundColor, borderBottomColor, outlineStyle, color].join();
})"""


CHOSEN = {  # by page: what may be chosen, and what marks it
    "/usage/everyone/": [
        (".ps-nav a", "[aria-current]"),
        (".ps-sub a", "[aria-current]"),
        (".ps-periods > a", "[aria-current]"),
    ],
    "/get-started/": [(".ps-tabs [role=tab]", "[aria-selected=true]")],
    "/": [(".ps-choice label", ":has(:checked)")],
}


def test_selection_bars_and_legends_are_visible_in_forced_colours(
    visit: Visit, people_with_long_names: None, admin: User
) -> None:
    admin.groups.add(Group.objects.get(name="Staff"))
    alike = []
    for path, places in CHOSEN.items():
        page = visit(path, user=admin)
        page.emulate_media(forced_colors="active")
        for selector, chosen in places:
            [one] = set(page.locator(f"{selector}{chosen}").evaluate_all(LOOK))
            others = set(page.locator(f"{selector}:not({chosen})").evaluate_all(LOOK))
            if not others or one in others:
                alike.append((path, selector))

    assert alike == []
    page = visit("/usage/everyone/", user=admin)
    page.emulate_media(forced_colors="active")
    _see_bars_and_legends(page)


def _see_bars_and_legends(page: Page) -> None:
    ground = page.locator("body").evaluate("it => getComputedStyle(it).backgroundColor")

    swatches = page.locator(".ps-legend .ps-sw").all()
    assert swatches
    for swatch in swatches:
        assert swatch.evaluate("it => getComputedStyle(it).backgroundColor") != ground
    for bar in page.locator("progress.ps-bar").all():
        assert bar.evaluate("it => getComputedStyle(it).color") != ground  # the part that is filled takes it
        assert bar.evaluate("it => getComputedStyle(it).borderStyle") == "solid"


# --- Print ----------------------------------------------------------------------------------------------
def test_usage_on_paper_has_its_chart_and_numbers_and_nothing_to_click(
    visit: Visit, people_with_long_names: None, admin: User
) -> None:
    for scheme in ("light", "dark"):
        _look_at_paper(visit("/usage/everyone/", user=admin, color_scheme=scheme))


def _look_at_paper(page: Page) -> None:
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 between its margins

    for gone in ("nav", "button:not(:has(.ps-sw))", "input", "select", ".btn", "summary", ".ps-foot"):
        assert page.locator(gone).filter(visible=True).evaluate_all("all => all.map((it) => it.outerHTML)") == []
    expect(page.locator("[data-help] .ps-plot")).to_be_visible()
    assert page.locator("[data-help] .ps-plot").evaluate("it => it.getBoundingClientRect().right <= innerWidth")
    expect(page.locator("#usage-legend")).to_be_visible()
    expect(page.get_by_text("Totals,", exact=False).first).to_be_visible()
    for kept_whole in (".ps-plot-frame", ".ps-figs", ".ps-table tr"):
        assert page.locator(kept_whole).first.evaluate("it => getComputedStyle(it).breakInside") == "avoid"
    for painted in (".ps-sw", ".ps-sw-now"):
        assert page.locator(painted).first.evaluate("it => getComputedStyle(it).printColorAdjust") == "exact"
    assert page.locator("body").evaluate("it => getComputedStyle(it).backgroundColor") == "rgb(255, 255, 255)"
    unfolded = page.locator(".ps-fold > .ps-scroll").first
    assert unfolded.evaluate("it => (it.parentElement.open = true, getComputedStyle(it).maxHeight)") == "none"
    assert sticks_out(page) == 0


# --- A slow line ----------------------------------------------------------------------------------
STOPWATCH = """() => addEventListener("click", () => {
  const since = performance.now();
  const seen = new MutationObserver(() => {
    if (!document.querySelector("#usage-panel[aria-busy=true]")) return;
    window.tookMs = performance.now() - since;
    seen.disconnect();
  });
  seen.observe(document, { subtree: true, attributes: true });
}, true)"""


def _period(page: Page) -> None:
    page.get_by_role("link", name="90 days").click()


def _filter(page: Page) -> None:
    page.get_by_label("Group", exact=True).select_option("Staff")
    page.get_by_role("button", name="Apply").click()


def _sort(page: Page) -> None:
    page.get_by_role("link", name="Requests").click()


def test_a_click_shows_a_busy_state_at_once(visit: Visit, people_with_long_names: None, admin: User) -> None:
    for action in (_period, _filter, _sort):
        _see_it_work(visit("/usage/everyone/", user=admin), action)


def _see_it_work(page: Page, action: Callable[[Page], None]) -> None:

    def later(route: Route) -> None:
        held.append(route)

    held: list[Route] = []
    page.route("**/usage/everyone/?*", later)
    panel = page.locator("#usage-panel")
    page.evaluate(STOPWATCH)

    action(page)

    expect(panel).to_have_attribute("aria-busy", "true")
    assert page.evaluate("window.tookMs") < 100
    assert float(panel.evaluate("it => getComputedStyle(it).opacity")) < 1
    assert page.evaluate("getComputedStyle(document.documentElement).cursor") == "progress"
    held[0].continue_()
    expect(panel).not_to_have_attribute("aria-busy", "true")
    page.unroute_all()
