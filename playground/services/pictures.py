"""Images that a model generates: decoded from data URLs, identified by their first bytes, stored if there is room.

Nothing is ever fetched: an external image is a source of the answer, not a part of it.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from django.conf import settings
from django.db.models import F

from accounts.models import User
from playground.models import Answer, GeneratedImage
from playground.services.buffer import Choice
from playground.services.limits import lock_owner
from playground.services.quotas import MB, room_of
from web.files import StorageUnavailable, store_file

MOST_PICTURES: Final = 16  # of one choice
NOT_AN_IMAGE, TOO_LARGE, TOO_MANY = "image type", "image size", "image count"
NO_ROOM, NOT_STORED = "image room", "image storage"


def media_type_of(data: bytes) -> str | None:
    """Return the media type by the first bytes, None if it is no image that models accept."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def take_pictures(answer: Answer, choices: Iterable[Choice]) -> list[GeneratedImage]:
    """Return the images of the choices, unsaved; their ids, or why one is left out, are added to the answer."""
    taken: list[GeneratedImage] = []
    for extras, choice in zip((answer.extras, *answer.others), choices, strict=True):
        pictures, unshown = _pictures_in(choice.pictures)
        if pictures:
            extras["images"] = [str(picture.pk) for picture in pictures]
        if unshown:
            extras["unshown"] = [*extras.get("unshown", ()), *dict.fromkeys(unshown)]
        taken += pictures
    return taken


def _pictures_in(urls: Iterable[str]) -> tuple[list[GeneratedImage], list[str]]:
    pictures: list[GeneratedImage] = []
    unshown: list[str] = []
    for url in urls:
        data = _decoded(url)
        media_type = media_type_of(data)
        if media_type is None:
            unshown.append(NOT_AN_IMAGE)
        elif len(data) > settings.PLAYGROUND_IMAGE_MB * MB:
            unshown.append(TOO_LARGE)
        elif len(pictures) == MOST_PICTURES:
            unshown.append(TOO_MANY)
        else:
            picture = GeneratedImage(media_type=media_type, size=len(data))
            picture.data = data
            pictures.append(picture)
    return pictures, unshown


def _decoded(url: str) -> bytes:
    head, _, data = url.partition(",")
    if not head.lower().endswith(";base64"):
        return b""
    try:
        return b64decode(data)
    except (binascii.Error, ValueError):
        return b""


def store_pictures(answer: Answer, pictures: Sequence[GeneratedImage]) -> list[GeneratedImage]:
    """Store the files of the images, and return those that were stored; the others are named in the answer."""
    stored: list[GeneratedImage] = []
    with suppress(StorageUnavailable):
        for picture in pictures:
            picture.file = store_file(picture.data)
            stored.append(picture)
    forget_pictures(answer, except_for=stored, reason=NOT_STORED)
    return stored


def keep_pictures(
    owner: User, answer: Answer, pictures: Sequence[GeneratedImage], *, other_bytes: int
) -> list[GeneratedImage]:
    """Save the stored images for which their owner has room; return them. Call it in a transaction.

    `other_bytes` are those of the rest of the answer, not counted yet. Images without room are named in the answer.
    """
    lock_owner(owner)
    left = room_of(owner) - other_bytes
    kept: list[GeneratedImage] = []
    for picture in pictures:
        if picture.size <= left:
            left -= picture.size
            picture.answer = answer
            kept.append(picture)
    GeneratedImage.objects.bulk_create(kept)
    forget_pictures(answer, except_for=kept)
    more = F("stored_bytes") + sum(picture.size for picture in kept)
    Answer.objects.filter(pk=answer.pk).update(extras=answer.extras, others=answer.others, stored_bytes=more)
    return kept


def forget_pictures(answer: Answer, *, except_for: Sequence[GeneratedImage] = (), reason: str = NO_ROOM) -> None:
    """Remove images that were not saved from the answer, and give the reason instead."""
    ids = {str(picture.pk) for picture in except_for}
    for extras in (answer.extras, *answer.others):
        images = extras.get("images", [])
        kept = [each for each in images if each in ids]
        if len(kept) < len(images):
            extras["images"] = kept
            extras["unshown"] = [*extras.get("unshown", ()), reason]
