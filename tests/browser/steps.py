"""Steps of people on the pages; each ends when the browser has reached the next state."""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.keys.run_code import run_code


def sign_in(page: Page, username: str, password: str) -> None:
    """Fill in the sign-in form."""
    page.get_by_label("User name or e-mail").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="My keys")).to_be_visible()


def create(page: Page, label: str) -> str:
    """Make a key on My keys; return its secret as the page shows it."""
    page.get_by_role("textbox", name="Label").fill(label)
    page.get_by_role("button", name="Create key").click()
    return shown_secret(page)


def shown_secret(page: Page) -> str:
    """Return the secret on the page that shows one."""
    secret = page.locator("#keys-secret")
    expect(secret).to_have_text(re.compile("^sk-"))
    return secret.inner_text()


def back_to_my_keys(page: Page) -> None:
    """Leave the page with the secret."""
    page.get_by_role("link", name="I have copied it. Go to My keys").click()
    expect(page.get_by_role("heading", name="My keys")).to_be_visible()


def row(page: Page, label: str) -> Locator:
    """Return the row of a key in the list."""
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=label, exact=True))


def from_menu(page: Page, label: str, entry: str) -> None:
    """Open the menu of a key and choose."""
    of_key = row(page, label)
    of_key.locator("summary").click()
    of_key.get_by_role("link", name=entry).click()


def rotate(page: Page, label: str) -> str:
    """Give a key another secret; return it."""
    from_menu(page, label, "Replace secret")
    page.get_by_role("button", name="Replace secret").click()
    return shown_secret(page)


def relabel(page: Page, label: str, new: str) -> None:
    """Call a key otherwise."""
    from_menu(page, label, "Change label")
    page.get_by_role("textbox", name="Label").fill(new)
    page.get_by_role("button", name="Change label").click()
    expect(row(page, new)).to_be_visible()


def cards_of(page: Page, names: list[str], file: Path) -> Page:
    """Add students without accounts on "Keys as a file", download their keys to `file`; return the page of cards."""
    page.get_by_label("Names").fill("\n".join(names))
    page.get_by_role("button", name="Add", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Make {len(names)} keys and download them").click()
    download.value.save_as(file)
    page.get_by_label("File of keys").set_input_files(file)
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Show the cards").click()
    expect(opened.value.get_by_role("heading", name=f"{len(names)} cards")).to_be_visible()
    return opened.value


def run(language: str, code: str, folder: Path) -> str:
    """Run code as it was copied; return what it prints."""
    done = run_code(language=language, filename="" if language == "shell" else "try.py", code=code, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout
