"""Import of a conversation: a preview of an exported file, then the conversation, once."""

import re
from pathlib import Path
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import HourlyCount, User
from playground.models import Conversation
from playground.services.export import as_json
from tests.playground import rows
from tests.playground.image_storage import away, configured, files
from tests.playground.xss import STORABLE

pytestmark = pytest.mark.django_db
FORM = "/playground/conversations/import/"
SAVE = "/playground/conversations/import/save/"


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> None:
    """Keep files in a storage that can be away."""
    settings.STORAGES = {**settings.STORAGES, "images": configured(tmp_path)}


def counted(user: User) -> int:
    """Return how many bytes of files count in this hour."""
    return HourlyCount.objects.get(user=user, action="playground:file_bytes").amount


@pytest.fixture
def exported(staff: User) -> bytes:
    """Return an exported conversation of somebody else, with an alternative."""
    made = rows.conversation(staff, ("Do bees dance?", "They do."), title="Bees")
    rows.answer(rows.last_answer(made).message, "Seldom.", cost_usd="0.25", model="other-model")
    made.refresh_from_db()
    return as_json(made).encode()


def preview(browser: Client, data: bytes) -> str:
    """Send the file; return the signed name in the preview."""
    page = browser.post(FORM, {"file": SimpleUploadedFile("bees.json", data)})
    assert page.status_code == 200, page.content
    [signed] = re.findall(r'name="signed" value="([^"]+)"', page.content.decode())
    return str(signed)


def test_the_list_of_conversations_leads_to_the_form(as_intern: Client) -> None:
    assertContains(as_intern.get(reverse("playground:conversations")), f'href="{FORM}"')
    assertContains(as_intern.get(FORM), 'type="file"')


def test_a_preview_stores_no_row(exported: bytes, intern: User, as_intern: Client) -> None:
    page = as_intern.post(FORM, {"file": SimpleUploadedFile("bees.json", exported)})

    for words in ("Bees", "Do bees dance?", "1 message", "2 answers", "other-model"):
        assertContains(page, words)
    assertNotContains(page, "This is not imported")
    assert not Conversation.objects.owned_by(intern).exists()


def test_a_confirmed_preview_becomes_a_conversation_once(exported: bytes, intern: User, as_intern: Client) -> None:
    signed = preview(as_intern, exported)

    response = as_intern.post(SAVE, {"signed": signed})

    made = Conversation.objects.owned_by(intern).get()
    assertRedirects(response, reverse("playground:conversation", args=[made.pk]), fetch_redirect_response=False)
    page = as_intern.get(response["Location"])
    for words in ("Imported: “Bees”.", "Seldom.", "Imported, without cost"):
        assertContains(page, words)
    assertNotContains(page, "0.25")
    assert as_intern.post(SAVE, {"signed": signed})["Location"] == response["Location"]
    assert Conversation.objects.owned_by(intern).count() == 1
    assert files() == {}
    made.delete()
    assertContains(as_intern.post(SAVE, {"signed": signed}), "Choose the file again", status_code=409)


def test_files_count_once_and_details_say_that_nothing_was_sent(staff: User, intern: User, as_intern: Client) -> None:
    source = rows.conversation(staff, ("Is this a cat?", "It is."))
    rows.image(rows.last_answer(source).message)
    source.refresh_from_db()
    signed = preview(as_intern, as_json(source).encode())
    before = counted(intern)

    as_intern.post(SAVE, {"signed": signed})

    made = Conversation.objects.owned_by(intern).get()
    assert made.messages.get().attachments.count() == 1
    assert counted(intern) == before > 0
    details = as_intern.get(reverse("playground:details", args=[rows.last_answer(made).pk]))
    assertContains(details, "This answer is from an imported file.")
    assertNotContains(details, "What was sent")
    assertNotContains(details, "Headers of the gateway")


def test_the_database_refuses_a_second_confirmation_at_the_same_time(
    exported: bytes, intern: User, staff: User, as_intern: Client
) -> None:
    signed = preview(as_intern, exported)
    [name] = files()
    rows.conversation(
        staff, id=UUID(name.rpartition("/")[2])
    )  # not found among those of the person, as one being saved

    assertContains(as_intern.post(SAVE, {"signed": signed}), "Choose the file again", status_code=409)
    assert not Conversation.objects.owned_by(intern).exists()


def test_a_storage_that_is_away_stores_nothing(exported: bytes, intern: User, as_intern: Client) -> None:
    signed = preview(as_intern, exported)
    with away():
        assert as_intern.post(FORM, {"file": SimpleUploadedFile("a.json", exported)}).status_code == 503
        assert as_intern.post(SAVE, {"signed": signed}).status_code == 503
    assert not Conversation.objects.owned_by(intern).exists()
    assert as_intern.post(SAVE, {"signed": signed}).status_code == 302


def test_a_preview_is_of_one_person(exported: bytes, as_intern: Client, as_staff: Client, intern: User) -> None:
    signed = preview(as_intern, exported)

    for given in (signed, signed[:-1], "", "x"):
        assert as_staff.post(SAVE, {"signed": given}).status_code == 409
    assert as_intern.post(SAVE, {"signed": signed}).status_code == 302


@pytest.mark.parametrize("data", [None, b"", b"# Bees", b"[]", b"{" * 5000, b"\xff\0"])
def test_another_file_is_refused(as_intern: Client, data: bytes | None) -> None:
    files = {} if data is None else {"file": SimpleUploadedFile("bees.json", data)}

    assertContains(as_intern.post(FORM, files), 'role="alert"', status_code=422)


def test_a_file_that_is_too_large_is_refused(as_intern: Client, exported: bytes, settings: Settings) -> None:
    settings.MAX_BODY_BYTES = 2_000_000
    page = as_intern.post(FORM, {"file": SimpleUploadedFile("a.json", exported + b" " * 1_000_000)})
    assertContains(page, "too large", status_code=422)


def test_limits_hold(as_intern: Client, exported: bytes, settings: Settings) -> None:
    signed = preview(as_intern, exported)
    settings.PLAYGROUND_CONVERSATIONS_PER_HOUR = 0
    assert as_intern.post(SAVE, {"signed": signed}).status_code == 429
    settings.PLAYGROUND_CONVERSATIONS_PER_HOUR = 60
    settings.PLAYGROUND_STORED_MB_PER_USER = 0
    assert as_intern.post(SAVE, {"signed": signed}).status_code == 422
    settings.KEY_ACTIONS_PER_HOUR = 1
    assert as_intern.post(FORM, {"file": SimpleUploadedFile("a.json", exported)}).status_code == 429


def test_no_script_of_a_file_reaches_a_page(intern: User, as_intern: Client) -> None:
    evil = rows.conversation(intern, *[(text, text) for text in STORABLE], title=STORABLE[0][:100], model=STORABLE[0])
    evil_json = as_json(evil).encode()
    evil.delete()

    page = as_intern.post(FORM, {"file": SimpleUploadedFile("a.json", evil_json)})

    assertNotContains(page, "<script>alert")
    assertNotContains(page, "<img src=x")
