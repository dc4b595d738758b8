"""Notices about budgets are shown until people dismiss them."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from keys.models import Key
from tests.conftest import HTMX
from tests.keys.views.pages import words_of
from tests.usage.views.facts import day, key_of
from usage.models import Notice


@pytest.fixture
def key(intern: User) -> Key:
    return key_of(intern, budget_usd=5, budget_period="30d")


def make_notice(person: User, key: Key | None, threshold: int = 80, **more: Any) -> Notice:
    about = {"period_first_day": day(0).replace(day=1), "spent_usd": 4, "budget_usd": 5, **more}
    return Notice.objects.create(person=person, key=key, threshold=threshold, **about)


SEEN = "/usage/notices/seen/"


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        (80, "80 % of the budget of “thesis” is used: 4.00 of 5.00 USD. Once the budget is used up, the key pauses"),
        (100, "The budget of “thesis” is used: 4.00 of 5.00 USD. The key pauses until 1"),
    ],
)
def test_says_what_happened_and_what_comes_next(
    as_intern: Client, intern: User, key: Key, threshold: int, words: str
) -> None:
    make_notice(intern, key, threshold)

    assert words in words_of(as_intern.get("/usage/"))


def test_shows_only_the_newest_notice_of_each_budget(as_intern: Client, intern: User, key: Key) -> None:
    make_notice(intern, key, 80, made_at=timezone.now() - timedelta(days=1))
    make_notice(intern, key, 100)

    page = words_of(as_intern.get("/usage/"))

    assert "The budget of “thesis” is used" in page
    assert "80 %" not in page


def test_dismissing_one_dismisses_earlier_ones(as_intern: Client, intern: User, key: Key) -> None:
    make_notice(intern, key, 80, made_at=timezone.now() - timedelta(days=1))
    other = make_notice(intern, key_of(intern, "other"), 80)

    answer = as_intern.post(SEEN, {"notice": make_notice(intern, key, 100).pk, "next": "/usage/?period=7d"})

    assert (answer.status_code, answer["Location"]) == (302, "/usage/?period=7d")
    assert list(Notice.objects.filter(seen_at=None)) == [other]


def test_answers_htmx_with_nothing(as_intern: Client, intern: User, key: Key) -> None:
    answer = as_intern.post(SEEN, {"notice": make_notice(intern, key).pk}, headers=HTMX)

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example", "", "javascript:x"])
def test_redirects_to_the_portal_only(as_intern: Client, intern: User, key: Key, target: str) -> None:
    assert as_intern.post(SEEN, {"notice": make_notice(intern, key).pk, "next": target})["Location"] == "/usage/"


def test_accepts_post_only(as_intern: Client, intern: User, key: Key) -> None:
    notice = make_notice(intern, key)

    assert as_intern.get(SEEN, {"notice": notice.pk}).status_code == 405
    notice.refresh_from_db()
    assert notice.seen_at is None


def test_dismissing_twice_changes_nothing(as_intern: Client, intern: User, key: Key) -> None:
    notice = make_notice(intern, key)
    as_intern.post(SEEN, {"notice": notice.pk})
    first = Notice.objects.get(pk=notice.pk).seen_at

    as_intern.post(SEEN, {"notice": notice.pk})

    assert Notice.objects.get(pk=notice.pk).seen_at == first
