"""Reads fields of the gateway's JSON, and complains as GatewayUnreadable when one is not what it should be.

The complaint names the field, never its value. Numbers arrive as int or Decimal (see `load`).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar

from gateway.errors import GatewayUnreadable

type_name: Final = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
_LARGEST: Final = 10**15  # no count and no price is larger; int(Decimal("1e999999")) would take for ever

_MANY_DIGITS: Final = 40

Fields = Mapping[str, object]
T = TypeVar("T")


def load(raw: bytes, what: str) -> object:
    """Parse JSON with money as Decimal, or say that `what` is not JSON."""
    for decode in (_decode, _decode_odd):
        with suppress(ValueError, RecursionError):
            return decode(raw.decode(json.detect_encoding(raw), "surrogatepass"))
    del raw  # tracebacks show locals, and it may hold a secret
    raise not_understood(f"{what} is not JSON")  # outside of `except`: what is caught there carries the whole text


def _refuse_constant(name: str) -> object:
    """Refuse NaN and Infinity, which Python would read and JSON does not have."""
    raise ValueError(f"{name} is not JSON")


def _any_whole(digits: str) -> int | Decimal:
    """Read a whole number that may have more digits than Python takes for an int."""
    return int(digits) if len(digits) < _MANY_DIGITS else Decimal(digits)


_decode: Final = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant).decode  # made once: streams
# For answers in which one number is none: it spoils its own field, not the rows beside it.
_decode_odd: Final = json.JSONDecoder(parse_float=Decimal, parse_int=_any_whole, parse_constant=Decimal).decode


def load_leniently(raw: bytes, what: str) -> object:
    """Parse also what is nearly JSON: line ends within texts, broken characters."""
    with suppress(ValueError, RecursionError):
        return _decode_broken(raw.decode("utf-8", "replace"))
    del raw
    raise not_understood(f"{what} is not JSON")


_decode_broken: Final = json.JSONDecoder(
    parse_float=Decimal, parse_int=_any_whole, parse_constant=Decimal, strict=False
).decode


def not_understood(what: str) -> GatewayUnreadable:
    """Return the error for an answer with a wrong shape."""
    return GatewayUnreadable(f"The gateway's answer was not understood: {what}.")


def _wrong(name: str, value: object) -> GatewayUnreadable:
    kind = type_name.get(type(value), type(value).__name__)
    return not_understood(f"{name} is {kind}")


def fields(value: object, name: str) -> dict[str, object]:
    """Return an object."""
    if not isinstance(value, dict):
        raise _wrong(name, value)
    return value


def items(value: object, name: str) -> Sequence[object]:
    """Return a list; null is an empty one."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _wrong(name, value)
    return value


def rows(body: Fields, name: str) -> Sequence[object]:
    """Return a list that must be named, be it null: what is left out must not be taken for "none"."""
    if name not in body:
        raise not_understood(f"{name} is missing")
    return items(body[name], name)


def optional_text(body: Fields, name: str) -> str | None:
    """Return a text that every database can hold (no NUL, no half of a surrogate pair), or None for null."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong(name, value)
    return clean(value)


def clean(text: str) -> str:
    """Replace what is no text: NUL and lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def text(body: Fields, name: str) -> str:
    """Return a text that must be there and not be empty."""
    value = optional_text(body, name)
    if not value:
        raise _wrong(name, value)
    return value


def names(body: Fields, name: str) -> tuple[str, ...]:
    """Return a list of texts; null is an empty one."""
    return tuple(text({name: entry}, name) for entry in items(body.get(name), name))


def flag(body: Fields, name: str) -> bool:
    """Return a boolean; null is False."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong(name, value)
    return bool(value)


def optional_money(body: Fields, name: str) -> Decimal | None:
    """Return an amount, exactly as written, or None for null."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise _wrong(name, value)
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise _wrong(name, value) from None
    if not amount.is_finite() or abs(amount) > _LARGEST:
        raise not_understood(f"{name} is out of all bounds")
    return amount


def money(body: Fields, name: str) -> Decimal:
    """Return an amount; null is zero."""
    return optional_money(body, name) or Decimal(0)


def optional_whole(body: Fields, name: str) -> int | None:
    """Return a whole number (also when written `128000.0`), or None for null."""
    value = body.get(name)
    if type(value) is int and -_LARGEST <= value <= _LARGEST:  # nearly always, and many a second in streams
        return value
    amount = optional_money(body, name)
    return None if amount is None else int(amount)


def whole(body: Fields, name: str) -> int:
    """Return a whole number; null is zero."""
    return optional_whole(body, name) or 0


def optional_time(body: Fields, name: str) -> datetime | None:
    """Return an aware UTC time, or None for null. Reads all of LiteLLM's spellings; a time without zone is UTC."""
    value = optional_text(body, name)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise not_understood(f"{name} is not a time") from None


def lenient(read: Callable[[Fields, str], T], body: Fields, name: str) -> T | None:
    """Read a field, or return None where it makes no sense."""
    try:
        return read(body, name)
    except GatewayUnreadable:
        return None


def shown(value: object) -> str:
    """Return a value that makes no sense in few characters: a number in figures, anything else as what it is."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return type_name.get(type(value), type(value).__name__)
    return f"{Decimal(value).normalize():.6g}"
