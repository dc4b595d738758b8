"""The texts of the codes in the audit trail, in the reader's language. Each app adds those of its own codes.

The trail stores a code and values; the sentence is composed when somebody reads it, never before.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, Union

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

Words: TypeAlias = Union[str, "StrPromise", Callable[[Mapping[str, Any]], str]]

_words: dict[str, Words] = {}


class Values(dict[str, Any]):
    """The values of an entry; a missing one reads "…"."""

    def __missing__(self, name: str) -> str:
        return "…"


def add_words(words: Mapping[str, Words]) -> None:
    """Register the texts of these codes: a sentence with %(names)s of values, or a function of the values."""
    _words.update(words)


def words_of(code: str, details: Mapping[str, Any]) -> str:
    """Return code and values as a sentence in the active language; an unknown code as it is."""
    words = _words.get(code)
    if words is None:
        return code
    values = Values(details)
    return words(values) if callable(words) else str(words) % values
