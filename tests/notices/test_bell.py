"""The bell: how many notices there are, all of them on one page, each dismissed and shown again."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Announcement, User
from keys.models import Key
from tests.conftest import HTMX, signed_in
from tests.factories import make_user
from tests.keys.views.pages import words_of
from tests.notices.conftest import announce, dismissal
from tests.usage.views.facts import key_of
from usage.models import Notice, utc_today

PAGE, DISMISS, RESTORE = "/notices/", "/notices/dismiss/", "/notices/restore/"


def ending_key(owner: User, label: str = "thesis", *, days: float = 3, lifetime_days: float = 30, **fields: Any) -> Key:
    """Make a key that ends in some days."""
    key = key_of(owner, label)
    ends = timezone.now() + timedelta(days=days)
    began = ends - timedelta(days=lifetime_days)
    Key.objects.filter(pk=key.pk).update(
        **{"state": Key.State.ACTIVE, "expires_at": ends, "created_at": began, **fields}
    )
    key.refresh_from_db()
    return key


def budget_notice(person: User, key: Key | None = None, **fields: Any) -> Notice:
    about = {"threshold": 80, "spent_usd": 4, "budget_usd": 5, "period_first_day": utc_today().replace(day=1)}
    return Notice.objects.create(person=person, key=key, **{**about, **fields})


def count_of(browser: Client) -> str:
    """Return what the bell says."""
    page = browser.get("/get-started/").content.decode()
    bell = page[page.index('id="ps-bell"') :]
    return bell[: bell.index("</a>")].rpartition('ps-only-sr">')[2].removesuffix("</span>")


@pytest.fixture
def four(intern: User) -> list[dict[str, str]]:
    """Give an intern a notice of each kind that can be dismissed; return the forms that dismiss them."""
    key = key_of(intern, "laptop", budget_usd=5, budget_period="30d")
    notices = [budget_notice(intern, key), budget_notice(intern, key, threshold=100), budget_notice(intern)]
    rows: dict[str, Announcement | Key | Notice] = {
        "budget": notices[1],
        "key": ending_key(intern),
        "announcement": announce("We move."),
    }
    return [dismissal(kind, row) for kind, row in [*rows.items(), ("budget", notices[2])]]


def test_counts_and_lists_all_notices(as_intern: Client, four: list[dict[str, str]]) -> None:
    page = words_of(as_intern.get(PAGE))

    assert count_of(as_intern) == "4 notices"
    assert "The budget of “laptop” is used: 4.00 of 5.00 USD." in page
    assert "80 % of the budget of “laptop”" not in page, "the higher one says it"
    assert "The key “thesis” expires on" in page
    assert "We move." in page
    assert count_of(signed_in(make_user("other"))) == "1 notice", "the announcement"


def test_each_is_dismissed_and_shown_again(as_intern: Client, four: list[dict[str, str]]) -> None:
    for number, form in enumerate(four):
        for _ in range(2):  # a second click does the same
            assert as_intern.post(DISMISS, form).status_code == 302
        left = 3 - number
        assert count_of(as_intern) == ("Notices" if not left else "1 notice" if left == 1 else f"{left} notices")
    page = words_of(as_intern.get(PAGE))
    assert "Nothing new. Dismissed" in page
    assert page.count("Undo") == 4

    for form in four:
        as_intern.post(RESTORE, form)

    assert count_of(as_intern) == "4 notices"
    assert "Undo" not in words_of(as_intern.get(PAGE))


def test_with_htmx_a_dismissal_offers_an_undo_and_updates_the_count(
    as_intern: Client, four: list[dict[str, str]], settings: Settings
) -> None:
    answer = as_intern.post(DISMISS, {**four[2], "next": "/models/"}, headers=HTMX).content.decode()

    assert "Undo" in answer
    assert 'name="next" value="/models/"' in answer
    assert "3 notices" in answer
    settings.PORTAL_PATH = "/lab/portal/"
    answer = as_intern.post(DISMISS, {**four[1], "next": "/another-site/"}, headers=HTMX).content.decode()
    assert 'name="next" value="/lab/portal/"' in answer


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_what_has_changed_since_it_was_shown_is_not_dismissed(
    as_intern: Client, intern: User, headers: dict[str, str]
) -> None:
    key, announcement = ending_key(intern), announce("We move on Friday.")
    page = as_intern.get(PAGE).content.decode()
    fields = r'name="kind" value="(\w+)">\s*<input type="hidden" name="id" value="([^"]+)">\s*'
    shown = re.findall(fields + r'<input type="hidden" name="seen" value="([^"]+)">', page)
    assert [kind for kind, *_ in shown] == ["key", "announcement"]
    Announcement.objects.filter(pk=announcement.pk).update(text_en="We move on Monday.")
    Key.objects.filter(pk=key.pk).update(expires_at=timezone.now() + timedelta(days=4))

    for kind, number, seen in shown:
        answer = as_intern.post(DISMISS, {"kind": kind, "id": number, "seen": seen}, headers=headers)
        assert answer.status_code == 409
        assert "has changed" in words_of(answer)
        if kind == "announcement":
            assert "We move on Monday." in words_of(answer)

    assert count_of(as_intern) == "2 notices"


def test_nobody_dismisses_notices_of_others(four: list[dict[str, str]], staff: User) -> None:
    announcement = announce("For interns.", "Interns")
    forms = [*four[:2], {"kind": "announcement", "id": announcement.pk}, {"kind": "key", "id": "x"}]
    forms += [{"kind": "budget", "id": "9" * 40}, {"kind": "budget", "id": "\0"}, {"kind": "requests", "id": "1"}, {}]

    for address in (DISMISS, RESTORE):
        assert [signed_in(staff).post(address, form).status_code for form in forms] == [404] * len(forms)


def test_a_key_has_a_notice_in_its_last_days_and_again_after_a_renewal(as_intern: Client, intern: User) -> None:
    ending_key(intern, "far", days=20)
    ending_key(intern, "young", days=5, lifetime_days=7)
    ending_key(intern, "over", days=-1)
    ending_key(intern, "playground", kind=Key.Kind.PLAYGROUND)
    ending_key(intern, "failed", state=Key.State.FAILED)
    ending_key(intern, "renewed", days=2, lifetime_days=400, lifetime_started_at=timezone.now() - timedelta(days=1))
    assert count_of(as_intern) == "Notices"
    key = ending_key(intern, "near", days=5, lifetime_days=11)
    assert count_of(as_intern) == "1 notice"

    as_intern.post(DISMISS, dismissal("key", key))
    assert count_of(as_intern) == "Notices"
    Key.objects.filter(pk=key.pk).update(expires_at=timezone.now() + timedelta(days=4))

    assert count_of(as_intern) == "1 notice"


def test_budgets_of_past_periods_have_no_notice(as_intern: Client, intern: User) -> None:
    first_day = utc_today().replace(day=1)
    monthly = key_of(intern, "monthly", budget_usd=5, budget_period="30d")
    budget_notice(intern, monthly, period_first_day=first_day - timedelta(days=1))
    budget_notice(
        intern,
        key_of(intern, "daily", budget_usd=5, budget_period="1d"),
        period_first_day=utc_today() - timedelta(days=1),
    )
    assert count_of(as_intern) == "Notices"

    budget_notice(intern, monthly)
    budget_notice(intern, threshold=100)  # the portal's: another budget

    assert count_of(as_intern) == "2 notices"


def test_costs_people_with_notices_one_query_and_the_page_a_constant_number(as_intern: Client, intern: User) -> None:
    asked = []
    for number in range(3):
        with CaptureQueriesContext(connection) as header:
            as_intern.get("/get-started/")
        with CaptureQueriesContext(connection) as page:
            as_intern.get(PAGE)
        asked.append((len(header), len(page)))
        ending_key(intern, f"key {number}")
        budget_notice(intern, key_of(intern, f"other {number}", budget_usd=5, budget_period="30d"))

    assert [header - asked[0][0] for header, _page in asked] == [0, 1, 1]
    assert asked[1] == asked[2]
    assert asked[2][1] <= 9
