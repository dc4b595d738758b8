"""Extreme numbers and days: every page answers, and a column has one format."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from accounts.models import User
from tests.keys.views.pages import words_of
from tests.usage.views.facts import key_of, used
from usage.forecast import Forecast
from usage.templatetags.budget_chart import budget_plot
from usage.templatetags.usage_words import short_count
from usage.views.common import PERIOD_WORDS

PAGES = ("/usage/", "/usage/interns/", "/usage/everyone/")
FILES = ("/usage/facts.csv", "/usage/everyone/usage.csv?for=people", "/usage/everyone/people.csv")


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize(
    "use",
    [
        {"usd": "0.000000000001"},
        {"usd": "-12.5"},
        {"usd": "7999.99", "prompt_tokens": 10**15, "completion_tokens": 10**12},
        {"usd": "0", "ok_requests": 0, "failed_requests": 10**12},
        {"usd": "1", "ok_requests": 1, "response_ms": 10**14},
    ],
)
def test_no_number_breaks_a_page(admin: User, language: str, use: dict[str, Any]) -> None:
    browser = Client(headers={"accept-language": language})
    browser.force_login(admin)
    for number in range(2):
        about = {"intern_name": "Somebody", "budget_usd": Decimal("999999.99"), "budget_period": "30d"}
        used(key_of(admin, f"key {number}", **about), **use, days_ago=number)

    for page in (*PAGES, *FILES, "/"):
        assert browser.get(page).status_code == 200, page


@pytest.mark.parametrize(
    "params",
    [
        {"from": "0001-01-01", "to": "9999-12-31"},
        {"from": "9999-12-31"},
        {"to": "0001-01-01"},
        {"from": "-2026-01-01"},
        {"from": "20261129", "to": "2026-W48-7"},
        {"from": "NaN", "to": "٢٠٢٦-١١-٢٩"},
        {"period": "NaN", "page": "²", "order": "--spend"},
        {"page": "-1"},
        {"key": "@" + "9" * 18},
        {"key": "@" + "9" * 400},
    ],
)
def test_no_day_and_no_filter_of_an_address_breaks_a_page(
    as_admin: Client, admin: User, params: dict[str, str]
) -> None:
    used(key_of(admin), "1")

    for page in (*PAGES, *FILES):
        assert as_admin.get(page, params).status_code == 200, page


@pytest.mark.parametrize(
    ("count", "english", "french"),
    [
        (56_036, "56,036", "56\u00a0036"),
        (110_000, "110,000", "110\u00a0000"),
        (999_999, "999,999", "999\u00a0999"),
        (1_000_000, "1.00 million", "1,00 M"),
        (9_999_999, "10.0 million", "10,0 M"),
        (99_960_000, "100 million", "100 M"),
        (999_999_999, "1.00 billion", "1,00 Md"),
        (10**15, "1,000,000 billion", "1\u00a0000\u00a0000 Md"),
        (-3_000_000, "-3.00 million", "-3,00 M"),
        (0, "0", "0"),
    ],
)
def test_large_counts_are_written_by_one_rule(count: int, english: str, french: str) -> None:
    for language, expected in (("en", english), ("fr", french)):
        with translation.override(language):
            written = str(short_count(count)).replace('<span class="unit">', "").replace("</span>", "")
            assert written == expected


def test_the_totals_are_written_as_the_rows_under_them(as_intern: Client, intern: User) -> None:
    used(key_of(intern), "1", ok_requests=110_000)

    text = words_of(as_intern.get("/usage/"))

    assert "Requests 110,000" in text
    assert "million" not in text


def test_a_negative_month_is_drawn_at_the_ground() -> None:
    spent = Forecast(
        first_day=date(2026, 11, 1),
        last_day=date(2026, 11, 30),
        budget_usd=Decimal(800),
        so_far_usd=(Decimal(-3), Decimal(-5)),
        expected=(),
    )

    assert 'class="spent" d="M0 100.00L1 100.00L2 100.00L2 100.00Z"' in budget_plot(spent)["svg"]


@pytest.mark.parametrize("period", PERIOD_WORDS)
def test_every_period_answers(as_admin: Client, period: str) -> None:
    for page in PAGES:
        assert as_admin.get(page, {"period": period}).status_code == 200


def test_days_of_another_year_show_their_year(as_intern: Client, intern: User) -> None:
    used(key_of(intern), "1")

    text = words_of(as_intern.get("/usage/", {"from": "2020-01-01", "to": "2020-01-31"}))

    assert "1 Jan 2020 – 31 Jan 2020" in text
