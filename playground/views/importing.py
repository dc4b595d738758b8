"""Import of an exported conversation: a preview, then the conversation. The preview writes no row."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core import signing
from django.db import IntegrityError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from keys.services import TooManyActions, count_action
from playground.forms.importing import ImportForm
from playground.imports.errors import NotImportable
from playground.imports.rows import Imported, imported
from playground.models import Conversation
from playground.services.insertion import insert
from playground.services.quotas import count_files
from playground.services.refusals import AskRefused
from playground.views.common import status_of
from web.files import StorageUnavailable, delete_files, read_file, store_file
from web.request import PortalRequest

PAGE: Final = "playground/import.html"
SALT: Final = "playground.import"
PREVIEW_S: Final = 3600  # how long a preview can be confirmed; the prune deletes its file after a day
SHOWN_MESSAGES: Final = 20


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def import_conversation(request: PortalRequest) -> HttpResponse:
    """Show the form for a file; on POST, what would be imported from it."""
    if request.method != "POST":
        return _page(request, ImportForm())
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form, status=422)
    data = form.cleaned_data["file"].read()
    try:
        count_action(request.user, "playground:import")
        found = imported(request.user, data)
        count_files(request.user, len(data))
        name = store_file(data)
    except TooManyActions as refusal:
        return _refused(request, form, str(refusal), status=429)
    except NotImportable as refusal:
        return _refused(request, form, str(refusal), status=422)
    except AskRefused as refusal:
        return _refused(request, form, str(refusal), status=status_of(refusal))
    except StorageUnavailable:
        words = _("Files cannot be stored at the moment. Try again in a minute.")
        return _refused(request, form, words, status=503)
    return render(request, PAGE, {"preview": _preview(found), "signed": _signed(request.user, name)})


@require_POST
@never_cache
def save_import(request: PortalRequest) -> HttpResponse:
    """Save the conversation of a preview, once."""
    name = _name_in(request.POST.get("signed", ""), request.user)
    if not name:
        return _expired(request)
    conversation_id = UUID(name.rpartition("/")[2])  # the id is unique, so it cannot be saved twice
    if _is_saved(request.user, conversation_id):
        return redirect("playground:conversation", conversation_id)
    try:
        found = imported(request.user, read_file(name), conversation_id=conversation_id)
        conversation = insert(request.user, found.rows, counts_files=False)
    except (FileNotFoundError, NotImportable, IntegrityError):  # saved meanwhile, deleted, or a limit was lowered
        if _is_saved(request.user, conversation_id):
            return redirect("playground:conversation", conversation_id)
        return _expired(request)
    except StorageUnavailable:
        return _refused(request, ImportForm(), _("The file cannot be read at the moment. Try again."), status=503)
    except AskRefused as refusal:
        return _refused(request, ImportForm(), str(refusal), status=status_of(refusal))
    delete_files([name])
    messages.success(request, _("Imported: “%(title)s”.") % {"title": conversation.title})
    return redirect("playground:conversation", conversation.pk)


def _signed(user: User, name: str) -> str:
    return signing.dumps([user.pk, name], salt=SALT)


def _name_in(signed: str, user: User) -> str:
    """Return the name of the file of a preview of this person; "" if there is none, or it has expired."""
    try:
        user_id, name = signing.loads(signed, salt=SALT, max_age=PREVIEW_S)
    except signing.BadSignature:
        return ""
    return str(name) if user_id == user.pk else ""


def _is_saved(user: User, conversation_id: UUID) -> bool:
    return Conversation.objects.owned_by(user).filter(pk=conversation_id).exists()


def _expired(request: PortalRequest) -> HttpResponse:
    words = _("This preview was imported already, or has expired. Choose the file again.")
    return _refused(request, ImportForm(), words, status=409)


def _refused(request: PortalRequest, form: ImportForm, words: str, *, status: int) -> HttpResponse:
    return _page(request, form, status=status, sentence=words)


def _page(request: PortalRequest, form: ImportForm, *, status: int = 200, sentence: str = "") -> HttpResponse:
    return render(request, PAGE, {"form": form, "sentence": sentence}, status=status)


def _preview(found: Imported) -> dict[str, Any]:
    rows = found.rows
    return {
        "conversation": rows.conversation,
        "message_count": len(rows.messages),
        "answer_count": len(rows.answers),
        "file_count": len(rows.files) + len(rows.pictures),
        "models": sorted({answer.model for answer in rows.answers}),
        "messages": rows.messages[:SHOWN_MESSAGES],
        "left_out": _left_out(found),
    }


def _left_out(found: Imported) -> list[str]:
    """Return what is not imported, each as a sentence."""
    words = {
        "files": ngettext(
            "%(count)d file: not in this file, or not allowed here.",
            "%(count)d files: not in this file, or not allowed here.",
            found.left_out["files"],
        ),
        "pictures": ngettext(
            "%(count)d picture that a model made.", "%(count)d pictures that models made.", found.left_out["pictures"]
        ),
        "sources": ngettext(
            "%(count)d source without a web address.",
            "%(count)d sources without a web address.",
            found.left_out["sources"],
        ),
        "names": ngettext(
            "The name at %(count)d message: it cannot be sent.",
            "The names at %(count)d messages: they cannot be sent.",
            found.left_out["names"],
        ),
        "problems": ngettext(
            "What went wrong in %(count)d answer.", "What went wrong in %(count)d answers.", found.left_out["problems"]
        ),
    }
    left_out = [sentence % {"count": found.left_out[name]} for name, sentence in words.items() if found.left_out[name]]
    if found.dropped_settings:
        names = ", ".join(sorted(found.dropped_settings)[:20])
        left_out.append(_("Settings that cannot be used here: %(names)s.") % {"names": names})
    return left_out
