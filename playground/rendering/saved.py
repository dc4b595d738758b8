"""Cached renderings of texts, shared by all web processes; also that a text is too expensive.

In the cache, not in a column of the answers: those have the models' text, and the HTML of one release in one language
is soon useless. It is compressed, and expires after a day. Without a cache nothing is kept.
"""

import hashlib
import logging
import zlib
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from django.core.cache import caches
from django.db import DatabaseError
from redis.exceptions import RedisError

from playground.rendering.frames import Renderer

logger = logging.getLogger(__name__)

CACHE: Final = "rendered"
SAVED_S: Final = 24 * 3600  # also after the deletion of their conversation
AWAY: Final = (DatabaseError, RedisError, OSError)


class Rendering(NamedTuple):
    """HTML whose ids begin with `mark`; None if the text is too expensive, or not rendered yet (`is_unfinished`)."""

    html: str | None
    mark: str = ""
    is_unfinished: bool = False  # the first attempt was too expensive, and the page's budget ended before the second


def saved_renderings(texts: Iterable[str], renderer: Renderer) -> dict[str, Rendering]:
    """Return the cached renderings of these texts."""
    keys = {_key(text, renderer): text for text in texts}
    if not keys:
        return {}
    try:
        found = caches[CACHE].get_many(keys)
    except AWAY:
        logger.warning("The cache is away: answers are rendered anew", exc_info=True)
        return {}
    return {keys[key]: Rendering(_unpacked(packed), *more) for key, (packed, *more) in found.items()}


def save_renderings(renderings: Mapping[str, Rendering], renderer: Renderer) -> None:
    """Cache these renderings."""
    if not renderings:
        return
    packed = {
        _key(text, renderer): (_packed(each.html), each.mark, each.is_unfinished) for text, each in renderings.items()
    }
    try:
        caches[CACHE].set_many(packed, SAVED_S)
    except AWAY:
        logger.warning("The cache is away: what was rendered is not kept", exc_info=True)


def _key(text: str, renderer: Renderer) -> str:
    return hashlib.sha256(f"{renderer.digest} {text}".encode(errors="surrogatepass")).hexdigest()


def _packed(html: str | None) -> bytes:
    return b"" if html is None else zlib.compress(html.encode(errors="surrogatepass"), level=1)


def _unpacked(packed: bytes) -> str | None:
    return zlib.decompress(packed).decode(errors="surrogatepass") if packed else None
