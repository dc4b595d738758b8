"""Rules of ours that forbid an act, in words for the person, with what to do."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class KeyRefused(Exception):
    """A rule of the policy or of a key's life forbids this; nothing has changed. `code` is for programs."""

    def __init__(self, code: str, message: "str | _StrPromise") -> None:
        super().__init__(str(message))
        self.code = code
