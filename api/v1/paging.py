"""Pages by cursor: stable while rows are added, and equally fast on the last page."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Field as ModelField
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from ninja import Field, Query, Schema

from api.problems import Problem

Row = TypeVar("Row", bound=Model)
MOST: Final = 100
USUAL: Final = 50


class PageQuery(Schema):
    """Which page of a list."""

    cursor: Annotated[str, Field(max_length=500, description="`next_cursor` of the page before.")] = ""
    limit: Annotated[int, Field(ge=1, le=MOST)] = USUAL


Paged = Annotated[PageQuery, Query(...)]


def page_of(rows: QuerySet[Row], asked: PageQuery, *order: str) -> tuple[list[Row], str | None]:
    """Return a page of rows in descending order of these fields, of which the last is unique, and the next cursor."""
    if asked.cursor:
        rows = rows.filter(_after(rows.model, order, asked.cursor))
    found = list(rows.order_by(*(f"-{name}" for name in order))[: asked.limit + 1])
    if len(found) <= asked.limit:
        return found, None
    last = found[asked.limit - 1]
    return found[: asked.limit], _encoded([getattr(last, name) for name in order])


def _encoded(values: list[Any]) -> str:
    """Return the values of a row as a cursor; times keep their microseconds."""
    texts = [value.isoformat() if hasattr(value, "isoformat") else value for value in values]
    return urlsafe_b64encode(json.dumps(texts, cls=DjangoJSONEncoder).encode()).decode()


def _after(model: type[Model], order: tuple[str, ...], cursor: str) -> Q:
    """Match the rows after that of a cursor. Raises Problem for one that is not ours."""
    try:
        texts = json.loads(urlsafe_b64decode(cursor.encode()))
        values = [_value(_field(model, name), text) for name, text in zip(order, texts, strict=True)]
    except (ValueError, TypeError, OverflowError, ValidationError) as error:
        raise _not_ours() from error
    if None in values:
        raise _not_ours()
    condition, same = Q(), Q()
    for name, value in zip(order, values, strict=True):
        condition |= same & Q(**{f"{name}__lt": value})
        same &= Q(**{name: value})
    return condition


def _value(field: "ModelField[Any, Any]", text: Any) -> Any:
    """Return the value of a field; a time in UTC, which a time at either end of the calendar has not."""
    value = field.to_python(text)
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise ValueError("a time without a zone")
    return value.astimezone(UTC)


def _field(model: type[Model], name: str) -> "ModelField[Any, Any]":
    return next(field for field in model._meta.concrete_fields if field.name == name)


def _not_ours() -> Problem:
    words = _("This is no cursor of this list. Begin with the first page.")
    return Problem(422, "invalid", words, errors=[{"field": "cursor", "message": words}])
