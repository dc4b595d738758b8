"""Usage pages: accessible and without overflow in every width and colour, light, with and without JavaScript."""

from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from accounts.audit import Actor
from accounts.models import User
from tests.browser.page_list import Way, at
from tests.browser.test_pages import assert_all_in_order, assert_in_order
from tests.browser.test_weight import BAR_BYTES, weigh
from tests.browser.usage_data import weeks_of_use
from tests.browser.visit import Visit
from tests.usage.views.facts import day, key_of, used
from usage.models import Anomaly, Discrepancy, ExchangeRate, Notice, PollRun, Reconciliation, utc_today
from usage.services import enter_rates

pytestmark = pytest.mark.browser


@pytest.fixture
def everything(staff: User, intern: User, admin: User) -> None:
    """Let there be something of all that pages can show."""
    weeks_of_use(staff, intern)
    used(key_of(staff, "Captions", intern_name="Intern A", budget_usd=5, budget_period="30d"), "5.5")
    survey = key_of(staff, "Survey coding", budget_usd=10, budget_period="30d")
    used(survey, "9")
    used(None, "3", model="")
    about = {"period_first_day": day(0), "spent_usd": 9, "budget_usd": 10, "threshold": 80}
    Notice.objects.create(person=staff, key=survey, **about)
    Notice.objects.create(person=admin, **about)
    run = make_run(outcome=PollRun.Outcome.FAILED, problem="The gateway does not answer.")
    make_run(outcome=PollRun.Outcome.DONE, invalid=2, missing=["model_groups", "response_time_ms"])
    odd = {"day": utc_today(), "measure": "spend_usd", "reported": "1e+18"}
    Anomaly.objects.create(token="a" * 64, model="Qwen/Qwen3-235B-A22B-Thinking-2507-FP8", **odd)
    Anomaly.objects.create(token="litellm_proxy_master_key", model="", **odd | {"measure": "", "reported": ""})
    reconciliation = Reconciliation.objects.create(ended_at=run.started_at)
    Discrepancy.objects.create(
        reconciliation=reconciliation, kind="only_here", fix="sync", key=survey, name="Survey coding"
    )
    Discrepancy.objects.create(reconciliation=reconciliation, kind="owner_missing", fix="gateway", name="notebook")


def make_run(**fields: object) -> PollRun:
    about = {"kind": PollRun.Kind.BUTTON, "first_day": utc_today(), "last_day": utc_today(), **fields}
    return PollRun.objects.create(**about)


def places(*paths: str) -> dict[str, Way]:
    return {path: at(path) for path in paths}


@pytest.mark.timeout(900)  # many pages, each looked at four times
def test_pages_of_staff_are_accessible_and_fit(
    visit: Visit, everything: None, staff: User, axe_everywhere: bool
) -> None:
    ways = places("/", "/usage/", "/usage/?period=90d", "/usage/?model=nothing", "/usage/interns/")

    assert_all_in_order(visit("about:blank", user=staff), ways, axe_everywhere)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_pages_of_admins_are_accessible_and_fit(
    visit: Visit, everything: None, admin: User, axe_everywhere: bool, settings: Settings
) -> None:
    settings.CURRENCY, settings.CURRENCY_RATE = "EUR", None
    enter_rates({day(1): Decimal("0.91"), day(0): Decimal("0.92")}, person=admin, actor=Actor(user=admin))
    rate = ExchangeRate.objects.latest("day")
    ways = places(
        "/usage/everyone/",
        "/usage/everyone/?person=staff&kind=temporary",
        "/usage/everyone/cost-centres/",
        "/usage/rates/",
        f"/usage/rates/{rate.pk}/delete/",
        "/usage/health/",
        "/describe-model/gpt-4o-mini/",
        "/usage/runs/",
        "/usage/compare/",
    )

    assert_all_in_order(visit("about:blank", user=admin), ways | {"what unfolds": unfolded}, axe_everywhere)


def unfolded(page: Page) -> None:
    page.goto("/usage/everyone/")
    for table in page.get_by_text("Show as table").all():  # of the chart, and of the month
        table.click()
    page.get_by_text("Other period").click()
    expect(page.get_by_label("From", exact=True)).to_be_visible()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_empty_pages_are_accessible_and_fit(visit: Visit, admin: User, axe_everywhere: bool) -> None:
    ways = places(
        "/usage/everyone/",
        "/usage/everyone/cost-centres/",
        "/usage/health/",
        "/describe-model/gpt-4o-mini/",
        "/usage/runs/",
        "/usage/compare/",
    )

    assert_all_in_order(visit("about:blank", user=admin), ways, axe_everywhere)


@pytest.mark.slow
def test_a_page_without_interns_is_accessible_and_fits(visit: Visit, staff: User, axe_everywhere: bool) -> None:
    assert_in_order(visit("/usage/interns/", user=staff), axe_everywhere)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/usage/", "/usage/everyone/"])
def test_a_first_visit_is_light(visit: Visit, everything: None, staff: User, admin: User, path: str) -> None:
    page = visit("about:blank", user=admin if "everyone" in path else staff, first=True)
    weight = weigh(page)

    page.goto(path, wait_until="networkidle")

    assert 150_000 < sum(weight.values()) <= BAR_BYTES, weight


def test_without_a_script_the_explorer_is_a_form_and_links(visit: Visit, everything: None, staff: User) -> None:
    page = visit("/usage/", user=staff, java_script_enabled=False)

    expect(page.locator("#usage-days")).to_be_visible()
    page.get_by_label("Split by").select_option("key")
    page.get_by_role("form", name="What the chart shows").get_by_role("button", name="Show").click()
    expect(page.locator("#usage-parts thead")).to_contain_text("Key")
    page.locator("#usage-legend a").first.click()
    expect(page.locator(".ps-chip")).to_have_count(1)
    page.get_by_text("Other period").click()
    page.get_by_label("From", exact=True).fill(utc_today().isoformat())
    page.locator(".ps-custom").get_by_role("button", name="Show").click()
    expect(page.locator("#usage-days tbody tr")).to_have_count(1)


@pytest.mark.slow
def test_the_chart_takes_the_colours_of_the_page(visit: Visit, everything: None, staff: User) -> None:
    page = visit("/usage/", user=staff, color_scheme="light")
    colour = "getComputedStyle(document.querySelector('.ps-plot [data-part]')).fill"
    light = page.evaluate(colour)

    page.emulate_media(color_scheme="dark")

    assert page.evaluate(colour) != light


def test_a_notice_disappears_when_it_is_dismissed(visit: Visit, everything: None, staff: User) -> None:
    page = visit("/usage/", user=staff)

    page.get_by_role("button", name="Dismiss").click()

    expect(page.get_by_text("80 % of the budget of “Survey coding”")).to_have_count(0)
    page.reload()
    expect(page.get_by_text("80 % of the budget of “Survey coding”")).to_have_count(0)


def test_the_button_shows_progress_and_the_result(visit: Visit, everything: None, admin: User) -> None:
    page = visit("/usage/everyone/", user=admin)
    button, asked = page.get_by_role("button", name="Refresh now"), page.locator("#usage-asked")
    button.click()
    expect(asked).to_contain_text("Checking with the gateway.")

    run = make_run(outcome=PollRun.Outcome.DONE, rows_read=12, rows_written=2)
    PollRun.objects.filter(pk=run.pk).update(ended_at=run.started_at)

    expect(asked).to_contain_text("Read 12 rows in 0.0 s, 2 changed.")
    page.get_by_role("link", name="Show the new numbers").click()
    expect(asked).to_be_hidden()
    button.click()
    expect(asked).to_contain_text("An update was requested just now.")
