"""Our own refusals of calls, in words for the person, with when to try again."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class AskRefused(Exception):
    """A limit or a rule of the portal forbids this now; nothing was sent or saved. `code` is for programs."""

    def __init__(self, code: str, message: "str | StrPromise", *, retry_at: datetime | None = None) -> None:
        super().__init__(str(message))
        self.code = code
        self.retry_at = retry_at


def gone() -> AskRefused:
    """Return the refusal of what follows rows that were deleted in another window."""
    return AskRefused("gone", _("What this follows was deleted meanwhile. Nothing was sent."))
