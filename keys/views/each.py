"""One action on each of many keys: the ids that a form sends, and what came of it, in messages."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keys import services
from keys.status import promises
from web.request import PortalRequest

MAX_SAID: Final = 10  # labels in a message


def ids_in(texts: Sequence[str]) -> list[UUID]:
    """Return the ids among these texts, each once."""
    found: dict[UUID, None] = {}
    for text in texts:
        try:
            found[UUID(text)] = None
        except ValueError:
            continue
    return list(found)


def report(request: PortalRequest, acted: services.KeysActed, done: str, failed: str) -> None:
    """Say what was done with which keys, and what was not."""
    if acted.done:
        messages.success(request, done)
    if acted.refused:
        messages.warning(request, _("Not changed: %(names)s") % {"names": some_of(acted.refused, " ")})
    if acted.failed:
        messages.warning(request, failed)
    if acted.left:
        words = _("Not tried, since the gateway did not answer: %(labels)s. Try again in a few minutes.")
        messages.warning(request, words % {"labels": some_of(acted.left)})


def failed_words_of(labels: Sequence[str]) -> str:
    """Name keys of which it is unknown whether they were changed."""
    words = _(
        "The gateway did not do it, or its answer was lost: %(labels)s. This list shows the right state %(soon)s."
    )
    return words % {"labels": some_of(labels), **promises()}


def some_of(texts: Sequence[str], separator: str = ", ") -> str:
    """Return the first of these texts, and the number of the others."""
    more = len(texts) - MAX_SAID
    shown = separator.join(texts[:MAX_SAID])
    if more <= 0:
        return shown
    return ngettext("%(shown)s and %(more)d more", "%(shown)s and %(more)d more", more) % {"shown": shown, "more": more}
