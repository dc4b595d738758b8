"""Validates the fields of a request as LiteLLM does: known ones have types, unknown ones are ignored."""

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from starlette.requests import Request

from sandbox.errors import invalid, wrapped

Json = dict[str, Any]


async def read_body(request: Request) -> Json:
    """Read the JSON object of a management route; 422 in FastAPI's format."""
    raw = await request.body()
    if not raw:
        raise invalid("missing", ["body"], "Field required")
    try:
        body = json.loads(raw, parse_float=Decimal)
    except ValueError as exc:
        position = exc.pos if isinstance(exc, json.JSONDecodeError) else 0
        raise invalid("json_invalid", ["body", position], "JSON decode error") from exc
    if not isinstance(body, dict):
        raise invalid("model_attributes_type", ["body"], "Input should be a valid dictionary or object to extract")
    return body


def _plain(value: object) -> object:
    match value:
        case Decimal():
            return float(value)
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
    return value


def text(body: Json, name: str) -> str | None:
    """Return a string field, or None."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid("string_type", ["body", name], "Input should be a valid string")
    return value


def words(body: Json, name: str) -> tuple[str, ...]:
    """Return a field that lists strings; empty when absent."""
    value = body.get(name)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise invalid("list_type", ["body", name], "Input should be a valid list")
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise invalid("string_type", ["body", f"{name}.{index}"], "Input should be a valid string")
    return tuple(value)


def mapping(body: Json, name: str) -> Json:
    """Return an object field; empty when absent."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid("dict_type", ["body", name], "Input should be a valid dictionary")
    return {inner: _plain(given) for inner, given in value.items()}


def whole(body: Json, name: str) -> int | None:
    """Return an integer field, or None."""
    value = body.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, Decimal) and value != value.to_integral_value():
        message = "Input should be a valid integer, got a number with a fractional part"
        raise invalid("int_from_float", ["body", name], message)
    return _parsed_int(value, ["body", name])


def _parsed_int(value: object, loc: list[str | int]) -> int:
    try:
        return int(str(value))
    except ValueError as exc:
        message = "Input should be a valid integer, unable to parse string as an integer"
        raise invalid("int_parsing", loc, message) from exc


def amount(body: Json, name: str) -> Decimal | None:
    """Return a non-negative number of dollars, or None."""
    value = body.get(name)
    if value is None:
        return None
    message = "Input should be a valid number, unable to parse string as a number"
    try:
        number = Decimal(str(value))
    except ArithmeticError as exc:
        raise invalid("float_parsing", ["body", name], message) from exc
    if not math.isfinite(number) or number < 0:
        raise wrapped(400, f"{name} must be a non-negative finite number. Received: {float(number)}")
    return number


def query_whole(query: Mapping[str, str], name: str, *, default: int, maximum: int) -> int:
    """Return an integer of the query string between 1 and `maximum`."""
    if name not in query:
        return default
    number = _parsed_int(query[name], ["query", name])
    if number < 1:
        raise invalid("greater_than_equal", ["query", name], "Input should be greater than or equal to 1")
    if number > maximum:
        raise invalid("less_than_equal", ["query", name], f"Input should be less than or equal to {maximum}")
    return number


def query_flag(query: Mapping[str, str], name: str) -> bool:
    """Return a boolean of the query string; false when absent."""
    given = query.get(name, "false").lower()
    if given not in ("true", "false", "1", "0", "yes", "no", "on", "off"):
        message = "Input should be a valid boolean, unable to interpret input"
        raise invalid("bool_parsing", ["query", name], message)
    return given in ("true", "1", "yes", "on")


def chosen(body: Json, name: str, choices: tuple[str, ...], default: str) -> str:
    """Return a field that must be one of `choices`."""
    value = body.get(name)
    if value is None:
        return default
    if value not in choices:
        *first, last = (f"'{choice}'" for choice in choices)
        raise invalid("enum", ["body", name], f"Input should be {', '.join(first)} or {last}")
    return str(value)
