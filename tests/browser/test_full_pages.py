"""Pages with the data of a year: 40 keys, names of 60 letters, five used-up budgets, dozens of people.

In three widths, both colours, both languages, and in forced colours; axe looks at phone and desk, at light pages in
English and at the colours of dark ones in French. PICTURES=folder keeps a picture of each, and a PDF
of each page as it is printed.
"""

import os
from itertools import product
from pathlib import Path
from typing import Literal

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from accounts.models import User
from keys.models import GatewayModel, Key
from tests.browser.axe import ALL, OF_COLOURS, violations
from tests.browser.test_pages import sticks_out
from tests.browser.usage_data import weeks_of_use
from tests.browser.visit import Visit
from tests.factories import make_staff
from tests.playground import rows
from tests.usage.views.facts import key_of, used
from usage.models import PollRun, utc_today

# How a page is laid out does not depend on the database.
pytestmark = [pytest.mark.browser, pytest.mark.only_on("sqlite"), pytest.mark.timeout(600)]

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
WIDTHS, LANGUAGES = (390, 768, 1280), ("en-GB", "fr")
LONG, UNBROKEN = (
    "Evaluation of transcripts in the corpus of spoken Low German"[:60],
    "Qwen3-235B-A22B-Thinking-2507-FP8-" + "x" * 26,
)
OF_STAFF = (
    "/",
    "/usage/",
    "/usage/interns/",
    "/models/",
    "/keys/history/",
    "/playground/compare/",
    "key",
    "conversation",
)
OF_ADMINS = (
    "/admin/status/",
    "/usage/everyone/",
    "/usage/everyone/?period=90d&kind=temporary",
    "/usage/runs/",
    "/usage/compare/",
)
ANSWER = """**注意：** see the table, and `run --all`.

| Model | Score | A heading of a column that is quite long |
|---|---:|---|
| Qwen/Qwen3-235B-A22B-Thinking-2507-FP8 | 0.93 | a<br>b |

$$\\int_0^\\infty e^{-x^2}\\,dx = \\frac{\\sqrt{\\pi}}{2}$$

    a line of code that is much longer than the window is wide, so that it has to scroll by itself and not the page

مرحبا بالعالم، هذا `code` في الوسط.
"""


@pytest.fixture
def full(admin: User, visit: Visit) -> dict[str, User]:
    """Fill the portal; return a member of staff with many keys, and an admin."""
    staff = make_staff(
        "staff-with-many-keys", first_name="Maximiliane Wilhelmine", last_name="von Hohenzollern-Sigmaringen"
    )
    weeks_of_use(staff, admin)
    GatewayModel.objects.create(name=f"Qwen/{UNBROKEN}", mode="chat", position=50)
    for number in range(40):
        label = (UNBROKEN if number % 7 == 3 else LONG)[: 57 - len(str(number))] + f" {number}"
        kind = Key.Kind.PERSONAL if number % 3 else Key.Kind.TEMPORARY
        intern = {"intern_name": f"Intern {LONG[:40]} {number // 4}"} if number % 4 == 0 else {}
        key = key_of(staff, label, kind=kind, budget_usd=5, budget_period="30d", **intern)
        if number < 5:
            used(key, "5.01")
        elif number < 8:
            used(key, "4.5", model=f"Qwen/{UNBROKEN}")
    PollRun.objects.create(
        kind=PollRun.Kind.BUTTON,
        first_day=utc_today(),
        last_day=utc_today(),
        outcome=PollRun.Outcome.FAILED,
        problem="No answer. " * 9,
    )
    rows.conversation(staff, (f"{LONG}? " * 8, ANSWER), ("And then?", ANSWER), title=LONG)
    return {"staff": staff, "admin": admin}


@pytest.mark.parametrize(("person", "paths"), [("staff", OF_STAFF), ("admin", OF_ADMINS)], ids=["staff", "admin"])
def test_full_pages_are_accessible_and_fit_every_window(
    visit: Visit, full: dict[str, User], person: str, paths: tuple[str, ...]
) -> None:
    found = {}
    for path, language in product(paths, LANGUAGES):
        page = visit(address_of(path, full[person]), user=full[person], locale=language)
        for width, scheme in product(WIDTHS, SCHEMES):
            where = f"{path} {language}, {width} px, {scheme}"
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            is_for_axe = width != 768 and (language == "fr") == (scheme == "dark")
            rules = OF_COLOURS if scheme == "dark" else ALL  # all else is as in the light
            found[where] = violations(page, rules) if is_for_axe else []
            if beyond := sticks_out(page):
                found[where].append(f"{beyond} px too wide")
            keep(page, f"{person} {where}")
        page.emulate_media(forced_colors="active")
        keep(page, f"{person} {path} {language}, forced colours")

    assert not {where: what for where, what in found.items() if what}


def address_of(path: str, person: User) -> str:
    """Return an address; of "key" and "conversation", that of the person's first."""
    if path == "key":
        return reverse(
            "keys:detail", args=[Key.objects.filter(owner=person, label__startswith=LONG[:20]).earliest("pk").pk]
        )
    if path == "conversation":
        return reverse("playground:conversation", args=[person.conversations.get().pk])
    return path


def keep(page: Page, name: str) -> None:
    """Take a picture where somebody wants to look at it; of the light desk in print too."""
    folder = os.environ.get("PICTURES")
    if not folder:
        return
    file = Path(folder) / "".join(letter if letter.isalnum() else "-" for letter in name)
    page.screenshot(path=f"{file}.png", full_page=True)
    if "1280" in name and "light" in name:
        page.pdf(path=f"{file}.pdf")
