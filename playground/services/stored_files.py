"""The files of rows that are about to be written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import DatabaseError
from django.utils.translation import gettext as _

from playground.models import StoredFile
from playground.services.refusals import AskRefused
from web.files import StorageUnavailable, delete_files, store_file


@contextmanager
def with_files(rows: Sequence[StoredFile]) -> Iterator[None]:
    """Store the data of files before their rows are written, and delete them if those fail. Raises AskRefused.

    If the connection breaks, the rows may still have been written; the prune later checks whether a file is needed.
    """
    try:
        for each in rows:
            each.file = store_file(each.data)
        yield
    except DatabaseError:
        raise
    except StorageUnavailable as error:
        delete_files(each.file for each in rows if each.file)
        words = _("Files cannot be stored at the moment. Nothing was sent: try again in a minute, or without files.")
        raise AskRefused("image_storage", words) from error
    except BaseException:
        delete_files(each.file for each in rows)
        raise
