"""Images are files: in no row, without a URL, deleted with their owner row; an unavailable storage loses nothing."""

import json
import re
import stat
from base64 import b64encode
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

import playground.services
from accounts.models import User
from playground.models import Answer, Attachment, Conversation, GeneratedImage, Message
from playground.services import prune, turns
from playground.services.anonymise import anonymise
from playground.services.chat import NewMessage, ask
from playground.services.requests import Upload
from tests.keys.actions import BY_TEST
from tests.keys.crashes import killed_at_step
from tests.keys.playground_actions import use
from tests.keys.views.pages import words_of
from tests.playground import rows
from tests.playground.image_storage import age_files, away, configured, files, folder_of_files
from tests.playground.scripted import scripted_gateway
from tests.playground.sse import answer_to, received, send
from tests.playground.streams import MODEL, context, know_the_models
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db

SERVICES = str(Path(playground.services.__file__).parent)
PICTURE = Upload(name="cat.png", media_type="image/png", data=rows.PIXEL)
OLD = prune.ORPHAN_AFTER + timedelta(minutes=1)


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> None:
    settings.STORAGES = {**settings.STORAGES, "images": configured(tmp_path / "images")}


@pytest.fixture
def models(sandbox: Sandbox, db: None, settings: Settings) -> None:
    settings.PLAYGROUND_STREAMS_PER_USER = settings.PLAYGROUND_REQUESTS_PER_MINUTE = 1000
    know_the_models()


def upload(size: int = 0) -> SimpleUploadedFile:
    return SimpleUploadedFile("cat.png", rows.PIXEL + bytes(size), "image/png")


def of_rows() -> set[str]:
    """Return the files that rows name."""
    found: set[str] = set(Attachment.objects.values_list("file", flat=True))
    return found | set(GeneratedImage.objects.values_list("file", flat=True))


def illustrated(owner: User) -> Conversation:
    """Make a conversation of two turns, each with a picture that was sent and one that was made."""
    conversation = rows.conversation(owner)
    parent = None
    for _ in range(2):
        message = rows.message(conversation, "Look", parent=parent)
        rows.image(message)
        parent = rows.answer(message)
        rows.generated_image(parent)
    return conversation


# --- Where they are ---------------------------------------------------------------------------------
def test_an_image_is_stored_in_one_private_file_and_in_no_row(models: None, as_intern: Client) -> None:
    answer = answer_to(as_intern, "Look [words 3]", attachments=upload())

    [(name, data)] = files().items()
    image = answer.message.attachments.get()
    assert (image.file, image.size, data) == (name, len(rows.PIXEL), rows.PIXEL)
    assert re.fullmatch("[0-9a-f]{2}/[0-9a-f]{32}", name)
    assert stat.S_IMODE((folder_of_files() / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((folder_of_files() / name).parent.stat().st_mode) == 0o700
    written = str([list(model._base_manager.values_list()) for model in apps.get_models()])
    assert repr(rows.PIXEL[8:20])[2:-1] not in written
    assert b64encode(rows.PIXEL).decode() not in written


def test_a_refused_form_leaves_no_file(models: None, as_intern: Client, settings: Settings) -> None:
    settings.PLAYGROUND_STORED_MB_PER_USER = 1

    assert send(as_intern, "Look", attachments=upload(1_100_000)).status_code == 422

    assert files() == {}


# --- When they go -----------------------------------------------------------------------------------
def test_files_are_deleted_after_the_commit(
    intern: User, staff: User, sandbox: Sandbox, django_capture_on_commit_callbacks: Any
) -> None:
    others = illustrated(staff)
    stay = files()

    def last_turn(conversation: Conversation) -> None:
        turns.delete_answer(Answer.objects.owned_by(intern).get(pk=rows.last_answer(conversation).pk))

    def prune_all(conversation: Conversation) -> None:
        Conversation.objects.filter(pk=conversation.pk).update(used_at="2020-01-01T00:00Z")
        prune.prune_conversations()

    for delete, left in (
        (turns.delete_conversation, 0),
        (last_turn, 2),
        (prune_all, 0),
        (lambda _: anonymise(person=intern, actor=BY_TEST), 0),
    ):
        conversation = illustrated(intern)
        with django_capture_on_commit_callbacks(execute=True):
            delete(conversation)
            assert len(files()) >= len(stay) + 4  # until it is certain
        assert len(files()) == len(stay) + left
        assert set(files()) == of_rows()
        Conversation.objects.owned_by(intern).delete()
        for name in set(files()) - set(stay):
            (folder_of_files() / name).unlink()

    assert files() == stay
    assert Conversation.objects.get() == others


def test_an_only_alternative_goes_and_the_picture_that_both_answer_stays(
    intern: User, django_capture_on_commit_callbacks: Any
) -> None:
    message = rows.message(rows.conversation(intern))
    picture = rows.image(message)
    rows.answer(message)
    second = rows.answer(message)
    made = rows.generated_image(second)

    with django_capture_on_commit_callbacks(execute=True):
        turns.delete_answer(Answer.objects.owned_by(intern).get(pk=second.pk))

    assert set(files()) == {picture.file}
    assert made.file != picture.file


def test_a_deletion_that_is_rolled_back_leaves_the_files(intern: User, django_capture_on_commit_callbacks: Any) -> None:
    conversation = illustrated(intern)

    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        turns.delete_conversation(conversation)
        transaction.set_rollback(True)

    assert set(files()) == of_rows()
    assert len(files()) == 4


def test_the_prune_deletes_orphaned_files_after_a_day(intern: User) -> None:
    illustrated(intern)
    kept = set(files())
    folder = folder_of_files()
    for name in ("ab/" + "ab" * 16, "notes.txt", "ab/notes.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")

    assert prune.prune_image_files() == 0  # it may be about to get its row
    age_files(OLD)
    with away():
        assert prune.prune_image_files() == 0
    assert prune.prune_image_files() == 1
    assert set(files()) == {*kept, "notes.txt", "ab/notes.txt"}


# --- A kill, at any line ----------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_kill_while_they_are_stored_or_deleted_leaves_no_row_without_its_file(models: None, intern: User) -> None:
    use(intern)
    question = NewMessage(text="Look", params={"model": MODEL}, uploads=[PICTURE, PICTURE])
    steps = count(1)
    while (
        killed_at_step(next(steps), lambda: ask(context(intern), question), SERVICES)
        and not Attachment.objects.exists()
    ):
        pass
    assert next(steps) > 3
    assert Attachment.objects.count() == 2
    assert of_rows() < set(files())  # those of the kills lie about

    [conversation] = Conversation.objects.all()
    Answer.objects.update(state=Answer.State.COMPLETE)
    steps = count(1)
    while killed_at_step(next(steps), lambda: turns.delete_conversation(conversation), SERVICES):
        assert of_rows() <= set(files())
        if not Conversation.objects.exists():
            break
    assert next(steps) > 2
    age_files(OLD)
    prune.prune_image_files()
    assert files() == {}


# --- A storage that is away -------------------------------------------------------------------------
def test_a_full_disk_refuses_messages_with_images_only(models: None, as_intern: Client) -> None:
    with away():
        for htmx in (True, False):
            refused = send(as_intern, "Look at this cat", attachments=upload(), htmx=htmx)
            assert refused.status_code == 503
            assert "Files cannot be stored at the moment. Nothing was sent" in words_of(refused)
        assert "Look at this cat" in refused.content.decode()  # in the box, on the page that shows it again
        assert not Message.objects.exists()
        answer_to(as_intern, "Words alone [words 3]")

    answer_to(as_intern, "Look [words 3]", attachments=upload())


def test_images_that_cannot_be_read_end_the_answer_with_a_card_and_nothing_is_lost(
    models: None, as_intern: Client
) -> None:
    first = answer_to(as_intern, "Look [words 3]", attachments=upload())
    conversation = first.message.conversation
    as_intern.raise_request_exception = False

    with away():
        failed = received(send(as_intern, "And now? [words 3]", conversation=conversation.pk, parent=first.pk))
        page = as_intern.get(reverse("playground:conversation", args=[conversation.pk]))
        picture = as_intern.get(reverse("playground:image", args=[first.message.attachments.get().pk]))
        exported = as_intern.get(reverse("playground:export", args=[conversation.pk, "json"]))

    assert failed.answer.state == Answer.State.FAILED
    assert failed.answer.problem == {"code": "images_unavailable", "free": True}
    assert "The images could not be read" in page.content.decode()
    assert (page.status_code, picture.status_code, exported.status_code) == (200, 503, 503)
    assert picture["Cache-Control"] == "no-store"
    assert "Images and files cannot be read at the moment" in words_of(exported)
    again = as_intern.post(reverse("playground:retry", args=[failed.answer.pk]), {"model": first.model})
    assert again.status_code == 302
    assert as_intern.get(reverse("playground:image", args=[first.message.attachments.get().pk])).content == rows.PIXEL


def test_a_generated_picture_that_cannot_be_stored_is_named_and_the_text_is_kept(
    models: None, as_intern: Client, sandbox: Sandbox, settings: Settings
) -> None:
    url = f"data:image/png;base64,{b64encode(rows.PIXEL).decode()}"
    deltas = ({"content": "Here:"}, {"images": [{"image_url": {"url": url}}]})
    pieces = [f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta}]})}\n\n".encode() for delta in deltas]

    with away(), scripted_gateway(sandbox, settings) as gateway:
        gateway.pieces = [*pieces, b"data: [DONE]\n\n"]
        stream = received(send(as_intern, "Draw a bee"))

    assert (stream.answer.state, stream.answer.text) == (Answer.State.COMPLETE, "Here:")
    assert "a picture that could not be stored" in stream.article
    assert not GeneratedImage.objects.exists()


# --- A file that is missing -------------------------------------------------------------------------
def test_a_missing_file_is_said_and_the_conversation_goes_on(models: None, as_intern: Client) -> None:
    first = answer_to(as_intern, "Look [words 3]", attachments=upload())
    [name] = files()
    (folder_of_files() / name).unlink()

    picture = as_intern.get(reverse("playground:image", args=[first.message.attachments.get().pk]))
    conversation = first.message.conversation_id
    exported = as_intern.get(reverse("playground:export", args=[conversation, "json"])).json()
    second = received(send(as_intern, "And now? [words 3]", conversation=conversation, parent=first.pk)).answer
    details = as_intern.get(reverse("playground:details", args=[second.pk]))

    assert picture.status_code == 404
    assert exported["messages"][0]["images"] == [{"name": "cat.png", "media_type": "image/png", "url": None}]
    assert second.state == Answer.State.COMPLETE
    assert "[cat.png: this image is missing]" in details.content.decode()
