"""Every page of the portal, by name, with the steps to it."""

import json
import re
from collections.abc import Callable

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from playwright.sync_api import Page, expect

from courses.models import Course
from tests.browser import playground_steps as chat
from tests.browser import steps
from tests.static_files import collected_in

Way = Callable[[Page], object]


def at(path: str) -> Way:
    """Go to an address."""
    return lambda page: page.goto(path)


def refused_sign_in(page: Page) -> None:
    page.goto("/account/login/")
    page.get_by_label("User name or e-mail").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()


def mail_on_its_way(page: Page) -> None:
    page.goto("/account/password/reset/")
    page.get_by_label("E-mail").fill("nobody@example.edu")
    page.get_by_role("button").last.click()
    page.wait_for_url("**/reset/done/")


def form_too_old(page: Page) -> None:
    page.goto("/account/login/")
    page.context.clear_cookies(name=settings.CSRF_COOKIE_NAME)
    page.get_by_label("User name or e-mail").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="This form has expired")).to_be_visible()


def refused_key(page: Page) -> None:
    page.goto("/")
    page.get_by_role("textbox", name="Label").fill("Old laptop")  # which there is
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_role("alert")).to_be_visible()


def key_for_an_intern(page: Page) -> None:
    page.goto("/")
    page.get_by_text("Temporary · 30 days").click()
    expect(page.get_by_label("Intern’s name")).to_be_visible()


def drafted_batch(page: Page) -> None:
    page.goto("/playground/batches/")
    page.get_by_role("textbox", name="Prompts").fill("Why is the sky blue?\nHow do bees find their way home?")
    page.get_by_label("gpt-4o-mini").check()
    page.get_by_role("button", name="Check and estimate").click()
    expect(page.get_by_role("button", name="Start")).to_be_visible()


def refused_view(page: Page) -> None:
    page.goto("/usage/views/save/")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("textbox", name="Name")).to_have_attribute("aria-invalid", "true")


def saved_view(page: Page) -> None:
    page.goto("/usage/views/save/")
    page.get_by_role("textbox", name="Name").fill("Models of the group for spoken Low German, each of them")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/usage/views/")


def deleted_view(page: Page) -> None:
    page.goto("/usage/views/")
    page.get_by_role("link", name="Delete").first.click()
    expect(page.get_by_role("button", name="Delete")).to_be_visible()


def fresh_secret(page: Page) -> None:
    page.goto("/")
    steps.create(page, "thesis")


def checked(page: Page) -> None:
    page.goto("/")
    steps.create(page, "survey")
    page.get_by_role("button", name="Check this key").click()
    expect(page.locator("#keys-result")).to_contain_text("It works.")


def rotated(page: Page) -> None:
    page.goto("/")
    steps.rotate(page, "Thesis, chapter 3")


def of_key(label: str, entry: str) -> Way:
    """Choose an entry in the menu of a key."""

    def go(page: Page) -> None:
        page.goto("/")
        steps.from_menu(page, label, entry)
        page.wait_for_url("**/keys/**")

    return go


def delete_page(page: Page) -> None:
    of_key("Old laptop", "History")(page)
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_role("link", name="Keep it")).to_be_visible()


def delete_dialog(page: Page) -> None:
    page.goto("/")
    steps.from_menu(page, "Old laptop", "Delete")
    expect(page.get_by_role("dialog")).to_be_visible()


def open_menus(page: Page) -> None:
    page.goto("/")
    steps.row(page, "Lab server").locator("summary").click()
    expect(page.get_by_role("button", name="End the old secret now")).to_be_visible()


def broken(page: Page) -> None:
    """See the page for what broke on our side; nothing breaks on demand, so that it is put in the way of an address."""
    hashed = json.loads((collected_in() / "static" / "staticfiles.json").read_text())["paths"]
    body = re.sub(r"/static/([\w./-]+)", lambda name: f"/static/{hashed[name[1]]}", render_to_string("500.html"))
    page.route("**/broken/", lambda route: route.fulfill(status=500, content_type="text/html", body=body))
    page.goto("/broken/")


def models_not_found(page: Page) -> None:
    page.goto("/models/?q=nothing-is-called-so")


def asking(text: str) -> Way:
    """Send a message, and wait for the end of its answer."""

    def go(page: Page) -> None:
        page.goto("/playground/")
        chat.ask(page, text)

    return go


def new_access_token(page: Page) -> None:
    page.goto("/account/access-tokens/")
    page.get_by_label("Name").fill("backup script")
    page.get_by_label("Read your usage").check()
    page.get_by_role("button", name="Create access token").click()
    expect(page.get_by_role("heading", name="Copy it now")).to_be_visible()


PUBLIC: dict[str, Way] = {
    "sign in": at("/account/login/"),
    "documentation of the API": at("/api/docs/"),
    "sign in, refused": refused_sign_in,
    "forgotten password": at("/account/password/reset/"),
    "mail on its way": mail_on_its_way,
    "link of a mail, old": at("/account/password/reset/key/1-nothing/"),
    "privacy": at("/privacy/"),
    "form too old": form_too_old,
    "nothing here": at("/nothing/"),
    "broken": broken,
}
OF_A_NEWCOMER: dict[str, Way] = {  # in this order: those at the end change what the others show
    "no keys": at("/"),
    "notices": at("/notices/"),
    "history, empty": at("/keys/history/"),
    "models": at("/models/"),
    "models, none found": models_not_found,
    "models, one": at("/models/gpt-4o-mini/"),
    "get started": at("/get-started/"),
    "gateway status": at("/status/"),
    "usage": at("/usage/"),
    "saved views, none": at("/usage/views/"),
    "view, refused": refused_view,
    "view, saved": saved_view,
    "view, delete": deleted_view,
    "playground": at("/playground/"),
    "playground, compare": at("/playground/compare/"),
    "playground, batches": at("/playground/batches/"),
    "playground, batch": drafted_batch,
    "playground, shared, none": at("/playground/shares/"),
    "playground, import": at("/playground/conversations/import/"),
    "search": at("/playground/find/"),
    "keyboard shortcuts": at("/playground/shortcuts/"),
    "privacy": at("/privacy/"),
    "access tokens": at("/account/access-tokens/"),
    "sign a command in": at("/account/device/?code=BCDF-GHJK"),
    "sign-ins": at("/account/sign-ins/"),
    "second factor": at("/account/second-factor/"),
    "second factor, app": at("/account/second-factor/app/"),
    "access token, new": new_access_token,
    "password": at("/account/password/change/"),
    "e-mail": at("/account/email/"),
    "language and time zone": at("/account/language-and-time-zone/"),
    "sign out": at("/account/logout/"),
    "nothing here": at("/nothing/"),
    "makes no sense": at(f"/models/?{'q=1&' * 1001}"),
    "playground, refused": asking("[fail 500] bees"),
    "playground, answered": asking("[markdown] bees"),
    "fresh secret": fresh_secret,
    "checked": checked,
}
OF_STAFF: dict[str, Way] = {  # in this order: the last changes what the others show
    "keys in every state": at("/"),
    "menu of a key": open_menus,
    "refused key": refused_key,
    "key for an intern": key_for_an_intern,
    "key": of_key("Lab server", "History"),
    "deleted key": of_key("Trial", "History"),
    "rotate": of_key("Thesis, chapter 3", "Replace secret"),
    "leaked": of_key("Thesis, chapter 3", "This key has leaked"),
    "change label": of_key("Old laptop", "Change label"),
    "delete": delete_page,
    "delete, dialog": delete_dialog,
    "renew all": at("/keys/renew-all/"),
    "limits of an intern": of_key("Transcripts of interviews", "Change the limits"),
    "history": at("/keys/history/"),
    "courses": at("/courses/"),
    "course, new": at("/courses/new/"),
    "rotated": rotated,
}


def list_checked(page: Page) -> None:
    """Check a list of students; the page is that of the course."""
    page.get_by_role("textbox", name="Students").fill("Bo; bo@example.edu; 20262\nNobody; ;")
    page.get_by_role("button", name="Check the list").click()
    expect(page.get_by_role("heading", name="Add 1 student?")).to_be_visible()


def in_turn(*ways: Way) -> Way:
    """Go one way after the other."""

    def go(page: Page) -> None:
        for way in ways:
            way(page)

    return go


def of_a_course(course: Course) -> dict[str, Way]:
    """Return the pages of an open course for its teacher."""
    names = ("course", "edit", "ways_in", "add_students", "file_keys", "freeze", "end", "copy")
    found = {f"course, {name}": at(reverse(f"courses:{name}", args=[course.pk])) for name in names}
    found["course, list checked"] = in_turn(found["course, add_students"], list_checked)
    for name in ("course", "message", "report"):
        found[f"teaching, {name}"] = at(reverse(f"teaching:{name}", args=[course.pk]))
    found["preset, new"] = at(reverse("playground:create_preset", args=[course.pk]))
    for preset in course.presets.all():
        for name in ("open_preset", "preset_code", "edit_preset", "delete_preset"):
            found[f"preset {preset.name}, {name}"] = at(reverse(f"playground:{name}", args=[preset.pk]))
    return found | {"teaching, act": at(f"{reverse('teaching:action', args=[course.pk])}?action=remove&all=1")}


def of_a_student(course: Course, code: str) -> dict[str, Way]:
    """Return the pages of a course for a student, in this order: the link comes first."""

    def joined(page: Page) -> None:
        page.goto(reverse("courses:join", args=[code]))
        page.get_by_role("button", name="Join").click()
        expect(page.get_by_role("button", name="Get my key")).to_be_visible()

    def has_key(page: Page) -> None:
        page.goto(reverse("courses:attended", args=[course.pk]))
        page.get_by_role("button", name="Get my key").click()
        steps.shown_secret(page)

    of_course = {
        name: at(reverse(f"courses:{name}", args=[course.pk])) for name in ("attended", "replace_secret", "leave")
    }
    return {
        "link of a course": at(reverse("courses:join", args=[code])),
        "link of no course": at(reverse("courses:join", args=["a-wrong-code"])),
        "course, joined": joined,
        "course, fresh secret": has_key,
        **of_course,
        "my keys, of a course": at("/"),
    }
