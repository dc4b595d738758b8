"""Screenshots of the pages: `bin/screenshots`. Some are shown in docs (docs/img/), the others are in var/."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Literal

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, ViewportSize, expect

from accounts.models import User
from courses.models import Course, Preset, Student
from keys.models import Key
from tests.approvals.conftest import ask
from tests.browser import playground_steps as chat
from tests.browser import steps
from tests.browser.conversations import some_conversations
from tests.browser.key_states import keys_in_every_state, some_keys
from tests.browser.portal_process import ROOT, Portal
from tests.browser.usage_data import weeks_of_use
from tests.browser.visit import DESK, PHONE, Visit
from tests.browser.windows import Windows
from tests.sandbox_process import Sandbox
from tests.teaching.courses import add_student, make_course
from tests.usage.polling import yesterday
from tests.usage.views.facts import settle, used
from usage.models import KeyHour

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("size", [DESK, PHONE], ids=["1280", "390"]),
    pytest.mark.parametrize("scheme", ["light", "dark"]),
]
QUALITY = 85  # percent, of WebP
IN_DOCS = (  # tests/test_docs.py compares them with the texts
    *("keys-1280", "keys-issued-390", "playground-1280", "usage-1280", "usage-everyone-1280"),
    *("people-1280", "all-keys-1280", "request-1280", "course-1280", "course-students-1280"),
    *("course-open-1280", "course-freeze-1280", "course-student-1280", "course-cards-1280"),
)
TALL = ("usage-everyone-1280", "people-1280", "all-keys-1280", "course-1280", "course-students-1280")
Scheme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def portal(django_db_setup: None, sandbox_process: Sandbox) -> Iterator[Portal]:
    """Serve a portal in front of a gateway with an address to show."""
    with Portal(sandbox_process, GATEWAY_PUBLIC_URL="https://gateway.example.edu") as running:
        yield running


@pytest.fixture(scope="module")
def windows(chromium: Browser, portal: Portal) -> Iterator[Windows]:
    """Lend out windows on that portal."""
    ours = Windows(chromium, portal.url)
    yield ours
    ours.close()


def test_my_keys(visit: Visit, staff: User, sandbox: Sandbox, size: ViewportSize, scheme: Scheme) -> None:
    some_keys(staff, sandbox)
    keep(visit("/", user=staff, viewport=size, color_scheme=scheme), "keys", size, scheme)


def test_my_keys_in_every_state(
    visit: Visit, staff: User, sandbox: Sandbox, size: ViewportSize, scheme: Scheme
) -> None:
    keys_in_every_state(staff, sandbox)
    keep(visit("/", user=staff, viewport=size, color_scheme=scheme), "keys-all", size, scheme)


def test_the_sign_in_page(visit: Visit, size: ViewportSize, scheme: Scheme) -> None:
    keep(visit("/", viewport=size, color_scheme=scheme), "sign-in", size, scheme)


def test_my_keys_empty(visit: Visit, intern: User, size: ViewportSize, scheme: Scheme) -> None:
    keep(visit("/", user=intern, viewport=size, color_scheme=scheme), "keys-empty", size, scheme)


def test_the_fresh_secret(visit: Visit, intern: User, size: ViewportSize, scheme: Scheme) -> None:
    page = visit("/", user=intern, viewport=size, color_scheme=scheme)
    steps.create(page, "thesis")
    keep(page, "keys-issued", size, scheme)


@pytest.mark.parametrize("path", ["/models/", "/get-started/", "/status/", "/keys/history/", "/account/email/"])
def test_other_pages(visit: Visit, intern: User, path: str, size: ViewportSize, scheme: Scheme) -> None:
    page = visit(path, user=intern, viewport=size, color_scheme=scheme)
    keep(page, path.strip("/").replace("/", "-"), size, scheme)


def test_usage(visit: Visit, staff: User, intern: User, admin: User, size: ViewportSize, scheme: Scheme) -> None:
    weeks_of_use(staff, intern)
    for name, path, who in (("usage", "/usage/", staff), ("usage-everyone", "/usage/everyone/", admin)):
        page = visit(path, user=who, viewport=size, color_scheme=scheme)
        keep(page, name, size, scheme)


def test_pages_of_admins(
    visit: Visit, staff: User, intern: User, admin: User, size: ViewportSize, scheme: Scheme
) -> None:
    weeks_of_use(staff, intern)
    request = ask(intern, why="the corpus of the third chapter")
    places = {
        "people": reverse("people:index"),
        "all-keys": reverse("people:keys"),
        "request": reverse("approvals:detail", args=[request.pk]),
    }
    for name, path in places.items():
        keep(visit(path, user=admin, viewport=size, color_scheme=scheme), name, size, scheme)


def test_a_course(visit: Visit, staff: User, size: ViewportSize, scheme: Scheme) -> None:
    limits = {"rpm_limit": 10, "tpm_limit": 20_000}
    course = make_course(staff, name="Introduction to language models", code="INF-201", team=limits)
    for number in range(1, 25):
        student = add_student(course, f"Student {number:02}", key=number % 6 != 0, number=f"2026-{number:03}")
        for ago in range(1, 1 + number % 8 if student.key else 1):
            used(student.key, f"0.{number % 4 + 1}5", ok_requests=number, failed_requests=number % 3, days_ago=ago)
    for number, key in enumerate(Key.objects.filter(team=course.team)):
        for hour in range(8, 9 + number % 4):
            failed = number if hour == 9 and number % 3 else 0
            KeyHour.objects.create(key=key, hour=yesterday_at(hour), ok_requests=20, failed_requests=failed)
    settle()
    page = visit(reverse("teaching:course", args=[course.pk]), user=staff, viewport=size, color_scheme=scheme)
    keep(page, "course", size, scheme)
    page.get_by_role("region", name="Filters").evaluate("it => it.scrollIntoView()")
    keep(page, "course-students", size, scheme)
    page.goto(reverse("courses:freeze", args=[course.pk]))
    page.set_viewport_size({**size, "height": 400})
    keep(page, "course-freeze", size, scheme)


def test_a_course_begins(visit: Visit, staff: User, intern: User, size: ViewportSize, scheme: Scheme) -> None:
    about = {"name": "Introduction to language models", "code": "INF-201", "description": "Six practicals."}
    course = make_course(staff, **about, state="draft", opened_at=None, team={"model_names": ["gpt-4o-mini"]})
    for number in range(1, 25):
        add_student(course, f"Student {number:02}", key=False, number=f"2026-{number:03}")
    page = visit(reverse("courses:course", args=[course.pk]), user=staff, viewport=size, color_scheme=scheme)
    keep(page, "course-open", size, scheme)

    Course.objects.update(state=Course.State.OPEN, opened_at=timezone.now())
    Student.objects.create(course=course, account=intern, name="Ada", source=Student.Source.LIST)
    for name in ("Explain my query", "Critical reader"):
        Preset.objects.create(course=course, name=name, model="gpt-4o-mini", system_prompt="Answer in one sentence.")
    page = visit(reverse("courses:attended", args=[course.pk]), user=intern, viewport=size, color_scheme=scheme)
    keep(page, "course-student", size, scheme)


def test_the_cards_of_a_course(
    visit: Visit, staff: User, sandbox: Sandbox, tmp_path: Path, size: ViewportSize, scheme: Scheme
) -> None:
    course = make_course(staff, name="Introduction to language models", code="INF-201")
    page = visit(reverse("courses:file_keys", args=[course.pk]), user=staff, viewport=size, color_scheme=scheme)
    names = ["Ada Demo", "Chloé Demo"]
    keep(steps.cards_of(page, names, tmp_path / "keys.csv"), "course-cards", size, scheme)


def yesterday_at(hour: int) -> datetime:
    return datetime.combine(yesterday(), time(hour), UTC)


def test_the_playground(visit: Visit, intern: User, size: ViewportSize, scheme: Scheme) -> None:
    path = reverse("playground:conversation", args=[some_conversations(intern).pk])
    all_of_it: ViewportSize = {**size, "height": 1120}  # a page that scrolls opens at its end
    page = visit(path, user=intern, viewport=all_of_it, color_scheme=scheme)
    expect(page.locator(".ps-under")).to_contain_text("of 2.00")  # USD that are left
    keep(page, "playground", size, scheme)


def test_the_playground_compares(visit: Visit, intern: User, size: ViewportSize, scheme: Scheme) -> None:
    page = visit("/playground/compare/", user=intern, viewport=size, color_scheme=scheme)
    page.get_by_role("checkbox", name="llama-70b").check()
    chat.composer(page).fill("What is a p-value? [pace 20]")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Cost least")).to_be_visible()
    keep(page, "playground-compare", size, scheme)


def test_the_playground_makes_vectors(visit: Visit, intern: User, size: ViewportSize, scheme: Scheme) -> None:
    page = visit("/playground/embeddings/", user=intern, viewport=size, color_scheme=scheme)
    page.get_by_role("textbox", name="Texts").fill("Bees fly over the city\nUrban pollinators\nThe price of copper")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name="Similarity")).to_be_visible()
    keep(page, "playground-embeddings", size, scheme)


def keep(page: Page, name: str, size: ViewportSize, scheme: Scheme) -> None:
    """Save a picture of the whole page; of one for docs/ that is very long, what a window shows."""
    name = f"{name}-{size['width']}{'-dark' if scheme == 'dark' else ''}"
    if name in IN_DOCS:
        Path(ROOT, "docs", "img", f"{name}.webp").write_bytes(as_webp(page, is_whole=name not in TALL))
    else:
        page.screenshot(path=Path(ROOT, "var", "pictures", f"{name}.png"), full_page=True)


def as_webp(page: Page, *, is_whole: bool) -> bytes:
    """Return a picture in a third of PNG's size; Playwright itself has no WebP."""
    page.evaluate("document.fonts.ready")
    browser = page.context.new_cdp_session(page)
    options: dict[str, object] = {"format": "webp", "quality": QUALITY}
    if is_whole:
        area = browser.send("Page.getLayoutMetrics")["cssContentSize"]
        options |= {"captureBeyondViewport": True, "clip": {**area, "scale": 1}}
    return base64.b64decode(browser.send("Page.captureScreenshot", options)["data"])
