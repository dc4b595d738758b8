"""The field of files: several at once, identified by their data, never by name or the browser's type."""

import time
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Sum
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.quotas import QuotaExceeded, consume
from playground.extraction import process
from playground.models import Attachment, Conversation
from playground.services import extraction
from playground.services.extraction import NoText
from playground.services.pictures import media_type_of
from playground.services.requests import Upload

NAME_CHARS: Final = 200
MB: Final = 1_000_000
READS: Final = "playground:file_reads"
ACCEPTED: Final = (
    "image/jpeg,image/png,image/webp,image/gif,application/pdf,.pdf,.docx,text/*,.txt,.md,.csv,.tsv,.json,.jsonl,.xml,"
    ".yaml,.yml,.toml,.ini,.tex,.bib,.rst,.log,.html,.css,.py,.ipynb,.r,.jl,.m,.c,.h,.cpp,.hpp,.java,.kt,.js,.ts,.tsx,"
    ".go,.rs,.rb,.php,.sh,.ps1,.sql,.f90,.swift,.scala,.lua,.pl,.v,.vhd"
)


class FilesInput(forms.FileInput):
    """A file input for several files."""

    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Return all files, not only the last one."""
        return files.getlist(name) if isinstance(files, MultiValueDict) else files.get(name)


class FilesField(forms.FileField):
    """Images and files of one message, checked; the text of the files is read later (`with_texts`)."""

    widget = FilesInput(attrs={"accept": ACCEPTED})

    def clean(self, data: Any, initial: Any = None) -> list[Upload]:
        """Return the files, in their order."""
        uploads = [_upload(file) for file in (data if isinstance(data, Sequence) else [data]) if file]
        images = sum(upload.is_image for upload in uploads)
        if images > settings.PLAYGROUND_IMAGES:
            raise ValidationError(
                _("At most %(most)d images with a message."), "many", {"most": settings.PLAYGROUND_IMAGES}
            )
        if len(uploads) - images > settings.PLAYGROUND_FILES:
            raise ValidationError(
                _("At most %(most)d files with a message."), "many", {"most": settings.PLAYGROUND_FILES}
            )
        return uploads


def _upload(file: "UploadedFile[bytes]") -> Upload:
    """Return an image, or a file whose text is not read yet; what is too large is not even looked at."""
    name, size = clean_name(file.name or ""), file.size or 0
    most = max(settings.PLAYGROUND_IMAGE_MB, settings.PLAYGROUND_FILE_MB)
    data = file.read() if size <= most * MB else b""
    media_type = media_type_of(data)
    if size > (settings.PLAYGROUND_IMAGE_MB if media_type else settings.PLAYGROUND_FILE_MB) * MB:
        words = (
            _("“%(name)s” is too large: an image may have %(most)d MB.")
            if media_type
            else _("“%(name)s” is too large: a file may have %(most)d MB.")
        )
        most = settings.PLAYGROUND_IMAGE_MB if media_type else settings.PLAYGROUND_FILE_MB
        raise ValidationError(words, code="large", params={"name": name, "most": most})
    try:
        return Upload(name=name, media_type=media_type or extraction.type_of(data), data=data)
    except NoText as problem:
        raise refusal_of(name, problem.reason) from None


def with_texts(uploads: Sequence[Upload], *, reader: User) -> list[Upload]:
    """Return the files with their texts, read within one deadline for all. Raises ValidationError."""
    count_reads(reader, sum(not upload.is_image for upload in uploads))
    until = deadline()
    return [_with_text(upload, reader, until) for upload in uploads]


def read_upload(file: "UploadedFile[bytes]", *, reader: User, until: float) -> Upload:
    """Return one file with its text, read before `until` (monotonic). Raises ValidationError."""
    return _with_text(_upload(file), reader, until)


def deadline() -> float:
    """Return until when the files of one message may be read."""
    seconds: float = settings.PLAYGROUND_FILE_READ_S
    return time.monotonic() + seconds


def count_reads(reader: User, count: int) -> None:
    """Count files to read; raise ValidationError when the person has had too many read in this hour."""
    if not count:
        return
    try:
        consume(reader, READS, limit=settings.PLAYGROUND_FILE_READS_PER_HOUR, amount=count)
    except QuotaExceeded:
        words = _("You may have %(most)d files read an hour. Nothing was sent. Try again later.")
        raise ValidationError(words, "reads", {"most": settings.PLAYGROUND_FILE_READS_PER_HOUR}) from None


def _with_text(upload: Upload, reader: User, until: float) -> Upload:
    if upload.is_image:
        return upload
    try:
        found = extraction.extract(upload.data, upload.media_type, reader_id=reader.pk, until=until)
    except NoText as problem:
        raise refusal_of(upload.name, problem.reason) from None
    return replace(upload, text=found.text, pages=found.pages)


def refusal_of(name: str, reason: str) -> ValidationError:
    """Return why a file is refused, and what to do."""
    values = {
        "name": name,
        "pages": settings.PLAYGROUND_FILE_PAGES,
        "chars": settings.PLAYGROUND_FILE_CHARS,
        "seconds": settings.PLAYGROUND_FILE_READ_S,
    }
    return ValidationError(_words()[reason], code=reason, params=values)


def _words() -> dict[str, str]:
    return {
        extraction.EMPTY: _("“%(name)s” is empty: there is no text in it."),
        extraction.NOT_TEXT: _(
            "“%(name)s” is of a kind that cannot be read. PDF, Word (.docx), text, code and JPEG, PNG, WebP or GIF "
            "images can."
        ),
        extraction.NOT_UTF8: _("“%(name)s” is not text, or has an unknown encoding. Save it as UTF-8, and add that."),
        extraction.OLD_WORD: _("“%(name)s” is an old Office file. Save it as .docx or PDF, and add that."),
        extraction.TOO_SLOW: _(
            "“%(name)s” took longer than %(seconds)d seconds to read. Add a part of it, or paste its text."
        ),
        extraction.BUSY: _("Other files are being read at the moment. Try again in a few seconds."),
        process.ENCRYPTED: _("“%(name)s” is protected by a password. Save it without one, and add that."),
        process.BROKEN: _("“%(name)s” is damaged: it cannot be read. Open it in its program, and save it anew."),
        process.NOT_WORD: _("“%(name)s” is an archive, not a Word file. Add the files in it instead."),
        process.TOO_MANY_PAGES: _("“%(name)s” has more than %(pages)d pages. Add a part of it."),
        process.TOO_LONG: _("“%(name)s” has more than %(chars)d characters of text. Add a part of it."),
        process.TOO_MUCH_MEMORY: _("“%(name)s” takes too much memory to read. Add a part of it, or paste its text."),
    }


def clean_name(name: str) -> str:
    """Return a file's name for display: without characters that hide or reorder text, and not too long."""
    shown = "".join(char for char in name if not unicodedata.category(char).startswith("C"))
    return " ".join(shown.split())[:NAME_CHARS] or _("file")


def stored_bytes(conversation: Conversation) -> int:
    """Return the size of all files of a conversation."""
    files = Attachment.objects.filter(message__conversation=conversation)
    return files.aggregate(total=Sum("size"))["total"] or 0
