"""Images of a message, by file, paste and drag: for models with vision, and a message for the others."""

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from playground.models import Attachment, Message
from tests.browser import playground_steps as chat
from tests.browser.visit import Visit
from tests.playground.rows import PIXEL

pytestmark = pytest.mark.browser

FILE = "(name, bytes) => new File([new Uint8Array(bytes)], name, { type: 'image/png' })"
PASTE = f"""(box, [name, bytes, text]) => {{
  const clipboardData = new DataTransfer();
  if (text) clipboardData.setData("text/plain", text);
  clipboardData.items.add(({FILE})(name, bytes));
  box.dispatchEvent(new ClipboardEvent("paste", {{ clipboardData, bubbles: true, cancelable: true }}));
}}"""
DROP = f"""(box, [name, bytes]) => {{
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(({FILE})(name, bytes));
  for (const type of ["dragover", "drop"]) {{
    box.dispatchEvent(new DragEvent(type, {{ dataTransfer, bubbles: true, cancelable: true }}));
  }}
}}"""


def by_file(page: Page, name: str) -> None:
    page.locator("#playground-box input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": PIXEL}
    )


def by_paste(page: Page, name: str, text: str = "") -> None:
    chat.composer(page).evaluate(PASTE, [name, list(PIXEL), text])


def by_drag(page: Page, name: str) -> None:
    chat.composer(page).evaluate(DROP, [name, list(PIXEL)])


@pytest.mark.parametrize("add", [by_file, by_paste, by_drag])
def test_an_image_goes_with_the_message(visit: Visit, intern: User, add: Callable[[Page, str], None]) -> None:
    page = visit("/playground/", user=intern)
    chat.choose(page, "vision")
    add(page, "cat.png")
    expect(thumbs(page)).to_have_count(1)

    chat.ask(page, "[words 3] What is this?")

    sent = chat.turns(page).last.get_by_role("img", name="cat.png")
    expect(sent).to_have_js_property("naturalWidth", 1)
    expect(sent).to_be_visible()
    expect(thumbs(page)).to_have_count(0)
    image = Attachment.objects.get()
    assert bytes(image.data) == PIXEL
    answer = page.request.get(reverse("playground:image", args=[image.pk]))
    assert answer.body() == PIXEL


def test_an_image_can_be_removed(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern)
    chat.choose(page, "vision")
    by_file(page, "cat.png")
    by_paste(page, "image.png", "Words, of which Word adds a picture")
    by_paste(page, "dog.png", "/home/ada/dog.png")  # as a file manager copies a file
    expect(thumbs(page)).to_have_count(2)

    page.get_by_role("button", name="Remove cat.png").click()

    expect(thumbs(page)).to_have_count(1)
    expect(chat.composer(page)).to_be_focused()
    chat.ask(page, "[words 3] What is this?")
    assert Attachment.objects.get().name == "dog.png"


def test_a_model_without_vision_is_not_sent_an_image(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern)
    words = page.get_by_text("The chosen model takes no images.")
    expect(words).to_be_hidden()
    by_file(page, "cat.png")
    expect(words).to_be_visible()
    chat.composer(page).fill("What is this?")

    chat.composer(page).press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("image")
    assert not Message.objects.exists()
    chat.choose(page, "vision")
    expect(words).to_be_hidden()
    chat.composer(page).press("Enter")
    chat.over(chat.last_answer(page))
    assert Attachment.objects.get().name == "cat.png"


def test_a_file_that_is_neither_image_nor_text_is_refused(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern)
    chat.choose(page, "vision")
    page.locator("#playground-box input[type=file]").set_input_files(
        {"name": "cat.png", "mimeType": "image/png", "buffer": b"MZ\x90\0<svg onload=alert(1)>"}
    )
    chat.composer(page).fill("What is this?")

    chat.composer(page).press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("cat.png")
    expect(chat.composer(page)).to_have_value("What is this?")
    assert not Message.objects.exists()


def thumbs(page: Page) -> Locator:
    return page.get_by_role("list", name="Images to send").get_by_role("listitem")
