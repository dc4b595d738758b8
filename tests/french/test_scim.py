"""The pages about SCIM in French."""

import pytest
from pytest_django import Settings

from accounts.models import User
from tests.french.conftest import Read, in_french
from tests.scim.conftest import TRUSTED

pytestmark = pytest.mark.django_db


def test_the_pages_of_tokens(admin: User, settings: Settings, read: Read) -> None:
    browser, page = in_french(admin), "/people/scim/"
    read(browser.get(page))
    settings.IDENTITY_PROVIDERS = [TRUSTED]
    for scopes in (["users", "groups"], []):
        read(browser.get(f"{page}uni/secret/"))
        read(browser.post(f"{page}uni/secret/", {"scopes": scopes}))
        read(browser.get(page))
    read(browser.get(f"{page}uni/revoke/"))
    read(browser.post(f"{page}uni/revoke/", follow=True))
    read(browser.get(f"/people/{admin.pk}/"))
