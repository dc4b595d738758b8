"""Django's admin pages work under our Content-Security-Policy."""

import pytest
from playwright.sync_api import expect

from accounts.models import User
from tests.browser.visit import Visit
from tests.keys.actions import issue

pytestmark = pytest.mark.browser


def test_the_admin_pages_work_under_the_content_security_policy(visit: Visit, admin: User, intern: User) -> None:
    issue(intern, "thesis")
    page = visit("/admin/", user=admin)
    links = page.locator("#content-main th a")

    for address in [link.get_attribute("href") for link in links.all()]:
        response = page.goto(address or "")
        assert response
        assert response.status == 200
        first = page.locator("#result_list tbody a").first
        if first.count():
            first.click()
            expect(page.locator("#content h1")).to_be_visible()
