"""Documents in a message: dropped, read, counted, sent; in the chat and to all models of a comparison."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from playground.models import Answer, Attachment
from playground.services.raw import raw_request
from tests.browser import playground_steps as chat
from tests.browser.visit import Visit
from tests.playground import hostile_files as files

pytestmark = pytest.mark.browser

DROP = """(box, files) => {
  const dataTransfer = new DataTransfer();
  for (const [name, bytes] of files) dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
  for (const type of ["dragover", "drop"]) {
    box.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
  }
}"""
SENT = {"report.pdf": files.pdf("Bees dance", "at noon"), "notes.docx": files.word("Wasps do not")}


def drop(page: Page, sent: dict[str, bytes]) -> None:
    chat.composer(page).evaluate(DROP, [[name, list(data)] for name, data in sent.items()])


def test_documents_are_dropped_counted_and_sent(visit: Visit, intern: User) -> None:
    page = visit("/playground/", user=intern)
    chat.choose(page, "llama-70b")
    read = page.locator("#playground-files li")
    drop(page, {**SENT, "broken.pdf": b"%PDF-1.7 nothing"})
    expect(read).to_have_count(3)
    expect(read.first).to_contain_text("“broken.pdf”")  # what cannot be sent comes first
    read.first.get_by_role("button").click()
    expect(read).to_have_count(2)
    expect(read.filter(has_text="report.pdf")).to_contain_text("2 pages")
    for name in SENT:
        expect(read.filter(has_text=name)).to_contain_text("tokens")
        expect(read.filter(has_text=name)).to_contain_text("USD with each message")

    chat.ask(page, "[words 3] What do they say?")

    expect(read).to_have_count(0)
    assert Attachment.objects.count() == 2
    asked = raw_request(Answer.objects.get())["messages"][0]["content"]
    assert all(words in asked for words in ("Bees dance", "at noon", "Wasps do not", "What do they say?"))
    page.get_by_role("link", name="notes.docx").click()
    expect(page.get_by_text("Wasps do not")).to_be_visible()
    page.goto(page.url.split("/playground/")[0] + "/playground/compare/")
    drop(page, {"notes.docx": SENT["notes.docx"]})
    expect(page.locator("#playground-files")).to_contain_text("estimates for general_nothink, gpt-4o-mini")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".ps-column").get_by_text("Finished", exact=True)).to_have_count(2)
    assert Attachment.objects.count() == 3
