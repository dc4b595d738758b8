"""The field of images: several at once, identified by their first bytes, never by name or the browser's type."""

import unicodedata
from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Sum
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from playground.models import Conversation, Image
from playground.services.pictures import media_type_of
from playground.services.requests import Picture

NAME_CHARS: Final = 200


class ImagesInput(forms.FileInput):
    """A file input for several files."""

    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Return all files, not only the last one."""
        return files.getlist(name) if isinstance(files, MultiValueDict) else files.get(name)


class ImagesField(forms.FileField):
    """Images of one message, checked and read."""

    widget = ImagesInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/gif"})

    def clean(self, data: Any, initial: Any = None) -> list[Picture]:
        """Return the pictures, in their order."""
        files = [file for file in (data if isinstance(data, Sequence) else [data]) if file]
        if len(files) > settings.PLAYGROUND_IMAGES:
            raise ValidationError(
                _("At most %(most)d images with a message."), "many", {"most": settings.PLAYGROUND_IMAGES}
            )
        return [_picture(file) for file in files]


def _picture(file: "UploadedFile[bytes]") -> Picture:
    name = clean_name(file.name or "")
    if (file.size or 0) > settings.PLAYGROUND_IMAGE_MB * 1_000_000:
        raise ValidationError(
            _("“%(name)s” is too large: an image may have %(most)d MB."),
            code="large",
            params={"name": name, "most": settings.PLAYGROUND_IMAGE_MB},
        )
    data = file.read()
    media_type = media_type_of(data)
    if media_type is None:
        raise ValidationError(
            _("“%(name)s” is not a JPEG, PNG, WebP or GIF image."), code="type", params={"name": name}
        )
    return Picture(name=name, media_type=media_type, data=data)


def clean_name(name: str) -> str:
    """Return a file's name for display: without characters that hide or reorder text, and not too long."""
    shown = "".join(char for char in name if not unicodedata.category(char).startswith("C"))
    return " ".join(shown.split())[:NAME_CHARS] or _("image")


def stored_bytes(conversation: Conversation) -> int:
    """Return the size of all images of a conversation."""
    images = Image.objects.filter(message__conversation=conversation)
    return images.aggregate(total=Sum("size"))["total"] or 0
