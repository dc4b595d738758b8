"""The history of a person's keys."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.audit import Actor, record
from accounts.models import AuditAction, AuditOutcome, User
from keys.models import Key
from tests.keys.views.pages import assert_only, words_of

HISTORY = "/keys/history/"


def fill(owner: User, key: Key, number: int) -> None:
    """Write as many entries."""
    for place in range(number):
        record(
            actor=Actor(user=owner),
            action=AuditAction.RELABEL,
            outcome=AuditOutcome.DONE,
            subject=owner,
            kind="key",
            object_id=key.pk,
            label=f"label {place}.",
        )


def test_an_empty_history_says_so(as_intern: Client) -> None:
    assert "Nothing yet." in words_of(as_intern.get(HISTORY))


def test_shows_the_persons_own_acts_newest_first_by_pages(as_intern: Client, intern: User, key: Key) -> None:
    fill(intern, key, 60)

    first, second = (words_of(as_intern.get(HISTORY, {"page": page})) for page in (1, 2))

    assert first.index("label 59.") < first.index("label 58.")
    assert "label 9." not in first
    assert "label 9." in second
    assert "Page 2 of 2" in second


def test_shows_nobody_elses(as_intern: Client, foreign_key: Key) -> None:
    assert foreign_key.label not in words_of(as_intern.get(HISTORY))


@pytest.mark.parametrize("page", ["0", "-1", "99", "last", "\0", "1e9", "9" * 5000, "١"])
def test_a_page_number_out_of_range_shows_a_valid_page(as_intern: Client, key: Key, page: str) -> None:
    response = as_intern.get(HISTORY, {"page": page})

    assert response.status_code == 200
    assert "thesis" in words_of(response)


def test_costs_few_queries(
    as_intern: Client, intern: User, key: Key, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    fill(intern, key, 60)

    with django_assert_max_num_queries(8):
        as_intern.get(HISTORY)


def test_accepts_get_only(as_intern: Client) -> None:
    assert_only(as_intern, HISTORY, "get")


@pytest.mark.parametrize(
    ("code", "details", "language", "words"),
    [
        (
            "taken_over",
            {"expires_at": "2026-11-28T17:25+00:00", "blocked": False},
            "en",
            "It expires on 28 Nov 2026, 17:25.",
        ),
        (
            "taken_over",
            {"expires_at": "2027-03-01T09:00+00:00", "blocked": True},
            "fr",
            "Elle expire le 1er mars 2027, 09:00. Elle est bloquée.",
        ),
        ("taken_over", {"expires_at": None, "blocked": False}, "fr", "Elle n’expire jamais."),
        ("stay_days", {"before": "2026-12-01", "after": None}, "en", "before: 1 Dec 2026; now: –"),
    ],
)
def test_writes_dates_in_words_in_the_readers_language(
    as_intern: Client, intern: User, key: Key, code: str, details: dict[str, Any], language: str, words: str
) -> None:
    record(
        actor=Actor(),
        action=AuditAction.SYNC,
        outcome=AuditOutcome.DONE,
        subject=intern,
        kind="key",
        object_id=key.pk,
        label=key.label,
        code=code,
        details=details,
    )

    page = words_of(as_intern.get(HISTORY, headers={"accept-language": language})).replace("\u00a0", " ")

    assert words in page
