"""Pages in the lab's currency: amounts in it, limits in USD too, and no query more."""

import re
from decimal import Decimal

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User
from tests.keys.views.pages import words_of
from tests.usage.views.facts import key_of, used

NOTE = "Limits hold in USD. Amounts are shown at a fixed rate: 1 USD = 0.5 EUR."
LIMIT = re.compile(r"\([0-9.,]+\sUSD\)")


def test_pages_show_the_currency_of_the_lab(as_admin: Client, admin: User, settings: Settings) -> None:
    key = key_of(admin, budget_usd=50, budget_period="30d")
    used(key, "7.50")
    pages = ("/", f"/keys/{key.pk}/", "/usage/", "/usage/everyone/", "/people/", "/people/keys/", "/models/")
    before = {}
    for page in pages:
        as_admin.get(page)  # what is cached is now
        with CaptureQueriesContext(
            connection,
        ) as queries:
            before[page] = (words_of(as_admin.get(page)), len(queries))
        assert "EUR" not in before[page][0], page

    settings.CURRENCY, settings.CURRENCY_RATE = "EUR", Decimal("0.5")

    for page in pages:
        with CaptureQueriesContext(connection) as queries:
            words = words_of(as_admin.get(page))
        assert len(queries) == before[page][1], page
        assert words.count(NOTE) == 1, page
        assert "USD" not in LIMIT.sub("", words.replace(NOTE, "")).replace("Budget, USD", ""), page
        assert ("3.75" in words) == ("7.50" in before[page][0]), page
    assert "25.00\u00a0EUR (50.00\u00a0USD) a month" in as_admin.get(f"/keys/{key.pk}/").content.decode()
