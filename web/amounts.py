"""Amounts as pages, mails and files for people write them: given in USD, shown in the lab's currency (ADR 42)."""

from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Final

from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from web.currency import USD, present_rate, shown_amount, shown_currency

NO_BREAK_SPACE: Final = "\u00a0"
CENT: Final = Decimal("0.01")
LONGEST_AMOUNT: Final = 40  # digits; a larger one is no amount, and is written with an exponent
EXACT: Final = Context(prec=LONGEST_AMOUNT + 20)
SYMBOLS: Final = {"EUR": "€", "GBP": "£"}  # French writes these after the number, English the code


def usd_number(amount: Decimal | float | None) -> str:
    """Return an amount in the shown currency, without its unit."""
    return _number(shown_amount(_exact(amount))) if amount is not None else ""


def usd(amount: Decimal | float | None) -> str:
    """Return an amount in the shown currency, with its unit: "5.00 USD", "4.60 EUR", in French "4,60 €"."""
    return with_unit(usd_number(amount)) if amount is not None else ""


def usd_cell(amount: Decimal | float | None) -> SafeString | str:
    """Return an amount with its unit, which is set smaller."""
    return format_html('{} <span class="unit">{}</span>', usd_number(amount), unit()) if amount is not None else ""


def usd_limit(amount: Decimal | float | None) -> str:
    """Return a limit, which the gateway enforces in USD, in both currencies: "46.00 EUR (50.00 USD)"."""
    return f"{usd(amount)} ({only_usd(amount)})" if amount is not None and present_rate() else usd(amount)


def only_usd(amount: Decimal | float | None) -> str:
    """Return an amount in USD, also where pages show another currency: "5.00 USD"."""
    return f"{only_usd_number(amount)}{NO_BREAK_SPACE}{USD}" if amount is not None else ""


def only_usd_number(amount: Decimal | float | None) -> str:
    """Return an amount in USD without its unit, also where pages show another currency."""
    return _number(_exact(amount)) if amount is not None else ""


def amount_number(amount: Decimal | None) -> str:
    """Return an amount that is in the shown currency already, without its unit."""
    return _number(amount) if amount is not None else ""


def exact_number(number: Decimal) -> str:
    """Return a number with all of its digits, as a rate has them: "0.9215"."""
    return f"{number.normalize():f}".replace(".", formats.get_format("DECIMAL_SEPARATOR"))


def unit() -> str:
    """Return the unit next to a number, in the active language: "EUR", in French "€"."""
    code = shown_currency()
    return SYMBOLS.get(code, code) if get_language() == "fr" else code


def with_unit(number: str) -> str:
    """Return a number with the unit of the shown currency, kept on one line."""
    return f"{number}{NO_BREAK_SPACE}{unit()}"


def grouped(number: str) -> str:
    """Return `number` ("-12345,60") with the thousands of its whole part set apart as the language does."""
    end = next((at for at, char in enumerate(number) if char in ".,"), len(number))
    whole, rest = number[:end], number[end:]
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    if len(digits) < 4:
        return number
    return sign + f"{int(digits):,}".replace(",", str(formats.get_format("THOUSAND_SEPARATOR"))) + rest


def _exact(amount: Decimal | float) -> Decimal:
    return amount if isinstance(amount, Decimal) else Decimal(str(amount))


def _number(exact: Decimal) -> str:
    """Write a number with two decimals, below a cent with two significant digits, never as "1E-6"."""
    if not exact:  # most days of a table
        return f"0{formats.get_format('DECIMAL_SEPARATOR')}00"
    return _written(exact, get_language()) if exact.is_finite() else "–"


@lru_cache(maxsize=4096)  # the same few hundred amounts stand in a chart, its titles and its table, at each request
def _written(exact: Decimal, _language: str | None) -> str:
    """Return an amount in a language, which must be the present one."""
    if exact.adjusted() >= LONGEST_AMOUNT:
        return f"{exact:.2E}".replace(".", formats.get_format("DECIMAL_SEPARATOR"))
    places = 1 - exact.adjusted() if abs(exact) < CENT else 2
    rounded = exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP, context=EXACT)
    return grouped(f"{rounded:f}".replace(".", formats.get_format("DECIMAL_SEPARATOR")))  # pages write hundreds
