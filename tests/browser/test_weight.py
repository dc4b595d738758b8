"""The transfer size of a first visit, from the production server (docs/design.md)."""

import pytest
from playwright.sync_api import Page

from accounts.models import User
from tests.browser.key_states import keys_in_every_state
from tests.browser.visit import Visit
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.browser

BAR_BYTES = 250_000


@pytest.mark.parametrize("path", ["/", "/models/", "/get-started/", "/playground/"])
def test_a_first_visit_is_light(visit: Visit, staff: User, sandbox: Sandbox, path: str) -> None:
    keys_in_every_state(staff, sandbox)
    page = visit("about:blank", user=staff, first=True)
    weight = weigh(page)

    page.goto(path, wait_until="networkidle")

    assert 50_000 < sum(weight.values()) <= BAR_BYTES, weight


def test_the_sign_in_page_is_light(visit: Visit) -> None:
    page = visit("about:blank", first=True)
    weight = weigh(page)

    page.goto("/", wait_until="networkidle")

    assert 50_000 < sum(weight.values()) <= BAR_BYTES, weight


def test_the_second_page_loads_no_asset_again(visit: Visit, intern: User) -> None:
    page = visit("/", user=intern, first=True)
    page.wait_for_load_state("networkidle")
    weight = weigh(page)

    page.goto("/models/", wait_until="networkidle")

    assert not [address for address, size in weight.items() if "/static/" in address and size]


def weigh(page: Page) -> dict[str, int]:
    """Return a dictionary that fills with the bytes of each answer, head and all, as they came over the wire."""
    weight: dict[str, int] = {}
    addresses: dict[str, str] = {}
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.on("Network.responseReceived", lambda given: addresses.update({given["requestId"]: given["response"]["url"]}))
    wire.on(
        "Network.loadingFinished",
        lambda given: weight.update({addresses[given["requestId"]]: int(given["encodedDataLength"])}),
    )
    return weight
