"""A person uses the portal below a path of a host, behind nginx with TLS."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from accounts.hashers import PasswordHasher
from accounts.models import User
from keys.catalogue import refresh_models
from tests.browser import playground_steps as chat
from tests.browser import steps
from tests.browser.portal_process import Portal
from tests.browser.visit import PATIENCE_MS
from tests.factories import PASSWORD
from tests.nginx import Nginx
from tests.sandbox_process import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.nginx]
PATH = "/lab/passerelle"


@pytest.fixture
def url(transactional_db: None, sandbox: Sandbox) -> Iterator[str]:
    """Serve a portal below a path; return its address, of this machine by number, as the browser knows no name."""
    nginx = Nginx(portal_port=0, path=PATH)
    url = nginx.url.replace("localhost", "127.0.0.1")
    with Portal(sandbox, PORTAL_URL=url, TRUSTED_PROXY_COUNT="1") as portal:
        nginx.portal_port = portal.port
        with nginx:
            yield url


def test_a_person_works_below_a_path(url: str, chromium: Browser, intern: User) -> None:
    refresh_models()
    User.objects.filter(pk=intern.pk).update(password=PasswordHasher().encode(PASSWORD, "salt of the tests"))
    context = chromium.new_context(ignore_https_errors=True, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    page, addresses, complaints = context.new_page(), set[str](), list[str]()
    page.on("request", lambda request: addresses.add(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)

    page.goto(f"{url}/")
    steps.sign_in(page, "intern", PASSWORD)
    assert steps.create(page, "thesis").startswith("sk-")
    steps.back_to_my_keys(page)
    expect(steps.row(page, "thesis")).to_be_visible()

    page.get_by_role("link", name="Playground").first.click()
    answer = chat.send(page, "Count [pace 20] [count 40]")
    assert len(chat.growing(answer)) == 3
    chat.over(answer)
    page.reload()
    expect(chat.last_answer(page)).to_contain_text("1 2 3")
    assert {(each["name"], each["path"]) for each in context.cookies() if "session" in each["name"]} == {
        ("__Secure-lab-passerelle-session", f"{PATH}/")
    }

    page.goto(f"{url}/account/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()

    assert [each for each in addresses if not each.startswith((f"{url}/", "data:"))] == []
    assert complaints == []
    context.close()
