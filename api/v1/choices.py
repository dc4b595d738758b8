"""Texts of a request that are one of a list, where the list is computed."""

from collections.abc import Iterable
from typing import Any

from pydantic_core import CoreSchema, core_schema


class OneOf:
    """What makes `Annotated[str, OneOf(names)]` one of these names, in the check and in the schema."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        """Return the type, as pydantic asks for it."""
        return core_schema.literal_schema(self.names)
