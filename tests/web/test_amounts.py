"""Amounts in the lab's currency: one formatter, the numbers of the reader's language, limits in both."""

from decimal import Decimal

import pytest
from django.utils import translation
from pytest_django import DjangoAssertNumQueries, Settings

from web.amounts import only_usd, unit, usd, usd_cell, usd_limit, usd_number
from web.templatetags.portal import plain_shown, rate_note


@pytest.fixture
def euros(settings: Settings) -> None:
    settings.CURRENCY, settings.CURRENCY_RATE = "EUR", Decimal("0.92")


@pytest.mark.usefixtures("euros")
def test_writes_amounts_in_the_currency_of_the_lab() -> None:
    assert usd(Decimal(5)) == "4.60\u00a0EUR"
    assert usd_number(Decimal("-1234.5")) == "-1,135.74"
    assert usd_cell(Decimal(5)) == '4.60 <span class="unit">EUR</span>'
    assert usd_limit(Decimal(50)) == "46.00\u00a0EUR (50.00\u00a0USD)"
    assert only_usd(Decimal(5)) == "5.00\u00a0USD"
    assert plain_shown(Decimal("0.5")) == "0.460"
    assert (usd(None), usd_limit(None), usd_cell(None)) == ("", "", "")


@pytest.mark.usefixtures("euros")
def test_writes_the_symbol_last_in_french() -> None:
    with translation.override("fr"):
        assert usd(Decimal("1234.5")) == "1\u00a0135,74\u00a0€"
        assert usd_limit(Decimal(50)) == "46,00\u00a0€ (50,00\u00a0USD)"
        assert "1 USD = 0,92 EUR" in rate_note()


def test_writes_a_currency_without_a_symbol_by_its_code(settings: Settings) -> None:
    settings.CURRENCY, settings.CURRENCY_RATE = "CHF", Decimal("0.9")

    with translation.override("fr"):
        assert usd(Decimal(10)) == "9,00\u00a0CHF"


def test_writes_usd_alone_without_a_currency() -> None:
    assert (usd(Decimal(5)), usd_limit(Decimal(5)), unit()) == ("5.00\u00a0USD", "5.00\u00a0USD", "USD")
    assert rate_note() == ""


@pytest.mark.django_db
@pytest.mark.usefixtures("euros")
def test_reads_no_database_for_a_fixed_rate(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert rate_note().endswith("1 USD = 0.92 EUR.")
