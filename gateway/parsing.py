"""Reads the gateway's JSON into types, and raises GatewayUnreadable where it does not have the expected shape.

The error names the path of the field, never its value. Numbers arrive as int or Decimal (see `load`).
"""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import msgspec

from gateway.errors import GatewayUnreadable
from gateway.secret import Secret

_LARGEST: Final = 10**15  # no count and no price is larger; int(Decimal("1e999999")) would take minutes
_MANY_DIGITS: Final = 19  # more are read as Decimal; Python takes no int of thousands

T = TypeVar("T")

# --- What fields are --------------------------------------------------------------------------------
if TYPE_CHECKING:
    Whole = int  # also when written `128000.0` or "12"
    Money = Decimal  # exactly as written, also as a text
    Moment = datetime  # aware, UTC, in any of LiteLLM's spellings; one without zone is UTC
    Fields = dict[str, object]  # null, and whatever else is empty, is an object without fields
else:

    class _Kind(type):
        """The type of fields that msgspec does not know: it hands them to `_field`, and takes what that returns."""

        def __instancecheck__(cls, value: object) -> bool:
            return True

    Whole, Money, Moment, Fields = (_Kind(name, (), {}) for name in ("Whole", "Money", "Moment", "Fields"))

Name = Annotated[str, msgspec.Meta(min_length=1)]


class Body(msgspec.Struct):
    """An object in an answer. A field without a default is required: a missing one must not pass for "none"."""


B = TypeVar("B", bound=Body)


def _field(kind: type, value: object) -> object:
    """Read a field of the types above."""
    if kind is Whole:
        return value if type(value) is int and -_LARGEST <= value <= _LARGEST else int(_amount(value))
    if kind is Money:
        return _amount(value)
    if kind is Moment:
        return _moment(value)
    if kind is Fields and (not value or isinstance(value, dict)):
        return value or {}
    if kind is Secret and value and isinstance(value, str):
        return Secret(value)
    raise _wrong(value)


def _amount(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise _wrong(value)
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise _wrong(value) from None
    if not amount.is_finite() or abs(amount) > _LARGEST:
        raise ValueError("is out of all bounds")
    return amount


def _moment(value: object) -> datetime:
    if not isinstance(value, str):
        raise _wrong(value)
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a time") from None


def _wrong(value: object) -> ValueError:
    """Return the error of msgspec for a field of the wrong type."""
    return ValueError(f"is {_kind(value)}")


# --- Reading ----------------------------------------------------------------------------------------
def read(value: object, kind: type[T]) -> T:
    """Return parsed JSON as this type, or raise an error that names the wrong field."""
    try:
        return msgspec.convert(value, kind, dec_hook=_field)
    except msgspec.ValidationError as error:
        problem = _problem(str(error))
    del value  # tracebacks show locals, and it may hold a secret
    raise not_understood(problem)  # outside of `except`: what is caught there carries the value


def _problem(text: str) -> str:
    """Word msgspec's message as our own: "keys[0].spend is a text"."""
    message, _, path = text.partition(" - at ")
    place = path.strip("`").removeprefix("$").removeprefix(".")
    if missing := _MISSING.fullmatch(message):
        return f"{place}.{missing[1]} is missing".removeprefix(".")
    if wrong := _WRONG.fullmatch(message):
        return f"{place or 'answer'} is {_KINDS.get(wrong[1], wrong[1])}"
    return f"{place or 'answer'} {'is empty' if message == _EMPTY else message}"


_MISSING: Final = re.compile("Object missing required field `(.+)`")
_WRONG: Final = re.compile("Expected .+, got `(.+)`")
_EMPTY: Final = "Expected `str` of length >= 1"
_KINDS: Final = {"str": "a text", "array": "a list", "object": "an object"}


def sift(value: object, kind: type[B]) -> tuple[B, dict[str, object]]:
    """Return an object each of whose fields may be invalid, and the invalid ones by name; they get their defaults."""
    with suppress(GatewayUnreadable):
        return read(value, kind), {}
    known = value if isinstance(value, dict) else {}
    good, odd = {}, {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name in known:
            try:
                good[field.name] = read(known[field.encode_name], field.type)
            except GatewayUnreadable:
                odd[field.encode_name] = known[field.encode_name]
    return kind(**good), odd


def not_understood(what: str) -> GatewayUnreadable:
    """Return the error for an answer with a wrong shape."""
    return GatewayUnreadable(f"The gateway's answer was not understood: {what}.")


# --- Parsing ----------------------------------------------------------------------------------------
def load(raw: bytes, what: str) -> object:
    """Parse JSON with money as Decimal and texts that every database can hold, or say that `what` is not JSON."""
    with suppress(msgspec.DecodeError, ValueError, ArithmeticError, RecursionError):
        if b"\\u0000" not in raw:
            return _decode(raw)
    with suppress(ValueError, RecursionError):  # an invalid number makes its own field invalid, not the others
        return clean(_decode_odd(raw.decode(json.detect_encoding(raw), "surrogatepass")))
    del raw  # tracebacks show locals, and it may hold a secret
    raise not_understood(f"{what} is not JSON")  # outside of `except`: what is caught there carries the whole text


def load_leniently(raw: bytes, what: str) -> object:
    """Parse also what is nearly JSON: line ends within texts, broken characters."""
    with suppress(ValueError, RecursionError):
        return clean(_decode_broken(raw.decode("utf-8", "replace")))
    del raw
    raise not_understood(f"{what} is not JSON")


def _number(digits: str) -> int | Decimal:
    """Read any number, also one with more digits than Python takes."""
    if len(digits) < _MANY_DIGITS and digits.lstrip("-").isdecimal():
        return int(digits)
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent beyond Decimal's
        return Decimal("NaN")


_decode: Final = msgspec.json.Decoder(float_hook=Decimal).decode
_decode_odd: Final = json.JSONDecoder(parse_float=_number, parse_int=_number, parse_constant=Decimal).decode  # NaN
_decode_broken: Final = json.JSONDecoder(
    parse_float=_number, parse_int=_number, parse_constant=Decimal, strict=False
).decode


def clean(value: object) -> object:
    """Replace NUL and lone surrogates in texts."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [clean(each) for each in value]
    if isinstance(value, dict):
        return {clean_text(name): clean(each) for name, each in value.items()}
    return value


def clean_text(text: str) -> str:
    """Replace what a database cannot store as text."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


# --- Telling ----------------------------------------------------------------------------------------
def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return kinds.get(type(value), type(value).__name__)


def shown(value: object) -> str:
    """Return an invalid value in few characters: a number in figures, anything else by its type."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return _kind(value)
    return f"{Decimal(value).normalize():.6g}"
