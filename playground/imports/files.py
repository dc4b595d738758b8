"""Files in an imported conversation: decoded from data URLs, and recognised by their data. Nothing is fetched."""

import binascii
from base64 import b64decode
from collections import Counter
from typing import Final

from django.conf import settings

from playground.forms.files import clean_name
from playground.imports.reading import Item
from playground.models import Answer, Attachment, GeneratedImage, Message
from playground.services.extraction import NoText, type_of
from playground.services.pictures import MOST_PICTURES, media_type_of
from playground.services.quotas import MB
from playground.services.requests import Upload, attachment_of

URL_CHARS: Final = 50 * MB
MAX_PAGES: Final = 100_000


def attachments_of(item: Item, message: Message, left_out: Counter[str]) -> list[Attachment]:
    """Return the files of a message, unsaved; those that may not be sent here are counted instead."""
    images = [_upload(each, is_image=True) for each in item.items("images", most=settings.PLAYGROUND_IMAGES)]
    files = [_upload(each, is_image=False) for each in item.items("files", most=settings.PLAYGROUND_FILES)]
    uploads = [upload for upload in (*images, *files) if upload]
    left_out["files"] += len(images) + len(files) - len(uploads) + (item.number("left_out", most=1000) or 0)
    return [attachment_of(upload, message, position) for position, upload in enumerate(uploads)]


def pictures_of(item: Item, answer: Answer, left_out: Counter[str]) -> tuple[list[GeneratedImage], dict[str, str]]:
    """Return the pictures of an answer, unsaved, and their ids by those in the file."""
    pictures: list[GeneratedImage] = []
    ids: dict[str, str] = {}
    for each in item.items("images", most=4 * MOST_PICTURES):
        data = _decoded(each)
        media_type = media_type_of(data)
        if media_type is None or len(data) > settings.PLAYGROUND_IMAGE_MB * MB:
            continue
        picture = GeneratedImage(answer=answer, media_type=media_type, size=len(data))
        picture.data = data
        pictures.append(picture)
        ids[each.text("id", most=100)] = str(picture.pk)
    return pictures, ids


def _upload(item: Item, *, is_image: bool) -> Upload | None:
    data, name = _decoded(item), clean_name(item.text("name", most=1000))
    media_type = media_type_of(data)
    most = settings.PLAYGROUND_IMAGE_MB if is_image else settings.PLAYGROUND_FILE_MB
    if not data or len(data) > most * MB or is_image != (media_type is not None):
        return None
    if media_type:
        return Upload(name=name, media_type=media_type, data=data)
    text, pages = item.text("text", most=settings.PLAYGROUND_FILE_CHARS), item.number("pages", most=MAX_PAGES)
    try:
        return Upload(name=name, media_type=type_of(data), data=data, text=text, pages=pages)
    except NoText:
        return None


def _decoded(item: Item) -> bytes:
    """Return the data of a data URL; nothing, if it is none."""
    head, _comma, data = item.text("url", most=URL_CHARS).partition(",")
    if not (head.startswith("data:") and head.endswith(";base64")):
        return b""
    try:
        return b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return b""
