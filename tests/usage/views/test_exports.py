"""Files: the numbers of a page and their facts; safe in a spreadsheet, and never all in memory."""

import gc
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from tests.factories import make_intern
from tests.usage.views.facts import day, file_of, key_of, table_of, used
from usage.models import CostCentre, Fact, TokenRef, UsedModel
from web.spreadsheet import cell_text, csv_response

MANY = 40_000


def test_has_exactly_what_the_page_shows(as_intern: Client, intern: User) -> None:
    key = key_of(intern)
    used(key, "0.5", days_ago=1)
    used(key, "0.25", model="claude-3-haiku")
    used(key, "9", days_ago=8)

    response = as_intern.get("/usage/usage.csv", {"period": "7d"})
    rows = table_of(response)

    assert response["Content-Disposition"] == f'attachment; filename="passerelle-usage-{day(6)}-to-{day(0)}.csv"'
    spend = {(row["part"], row["day"], row["name"]): row["spend_usd"] for row in rows}
    assert spend["total", "", ""] == "0.75"
    assert spend["total of the period before", "", ""] == "9"
    assert spend["day", str(day(1)), ""] == "0.5"
    assert spend["day and model", str(day(0)), "claude-3-haiku"] == "0.25"
    assert spend["model", "", "gpt-4o-mini"] == "0.5"
    assert spend["key", str(day(0)), "thesis"] == "0.75"
    assert sum(row["part"] == "day" for row in rows) == 7


def test_has_the_filters_of_the_page(as_intern: Client, intern: User) -> None:
    used(key_of(intern), "1")
    used(key_of(intern, "other"), "2", model="claude-3-haiku")

    rows = table_of(as_intern.get("/usage/facts.csv", {"model": "claude-3-haiku"}))

    assert [(row["key"], row["spend_usd"]) for row in rows] == [("other", "2")]


def test_has_every_measure_of_each_fact(as_intern: Client, intern: User) -> None:
    key = key_of(intern)
    centre = CostCentre.objects.create(code="4711-A")
    used(
        key,
        "0.000000000001",
        cache_read_tokens=3,
        cache_creation_tokens=4,
        failed_requests=5,
        cost_centre_number=centre.pk,
    )

    (row,) = table_of(as_intern.get("/usage/facts.csv"))

    assert row == {
        "day": str(day(0)),
        "person": "intern",
        "key": "thesis",
        "key_id": str(key.pk),
        "kind": "temporary",
        "alias": "",
        "model": "gpt-4o-mini",
        "provider": "openai",
        "spend_usd": "0.000000000001",
        "prompt_tokens": "100",
        "completion_tokens": "10",
        "cache_read_tokens": "3",
        "cache_creation_tokens": "4",
        "ok_requests": "1",
        "failed_requests": "5",
        "response_ms": "500",
        "name": "Intern A",
        "groups": "Interns",
        "intern": "",
        "supervisor": "",
        "cost_centre": "4711-A",
    }


def test_has_all_pages_of_people_in_the_order_of_the_page(as_admin: Client, db: None) -> None:
    for number in range(30):
        used(key_of(make_intern(f"p{number:02}")), str(number + 1))

    rows = table_of(as_admin.get("/usage/everyone/people.csv", {"order": "spend"}))

    assert [row["person"] for row in rows] == [f"p{number:02}" for number in range(30)]
    assert rows[0]["groups"] == "Interns"
    assert sum(row["part"] == "person" for row in table_of(as_admin.get("/usage/everyone/usage.csv"))) == 30


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_formulas_are_escaped(as_intern: Client, intern: User, start: str) -> None:
    label = f"{start}HYPERLINK(1)"
    used(key_of(intern, label))

    text = file_of(as_intern.get("/usage/facts.csv"))

    assert f"'{label}" in text
    assert f",{label}" not in text


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Decimal("-1.50"), "-1.5"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("1200"), "1200"),
        (-3, "-3"),
        (None, ""),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_numbers_stay_numbers(cell: object, text: str) -> None:
    assert cell_text(cell) == text


def test_quotes_what_would_break_a_line(as_intern: Client, intern: User) -> None:
    used(key_of(intern, 'a "b", c\nd'))

    (row,) = table_of(as_intern.get("/usage/facts.csv"))

    assert row["key"] == 'a "b", c\nd'


def test_an_empty_period_is_a_file_with_a_header(as_intern: Client) -> None:
    assert len(file_of(as_intern.get("/usage/facts.csv")).splitlines()) == 1


def test_rows_are_generated_lazily() -> None:
    taken: list[int] = []

    def rows() -> Iterator[tuple[int]]:
        for number in range(5000):
            taken.append(number)
            yield (number,)

    response: Any = csv_response("x.csv", rows())
    next(iter(response.streaming_content))

    assert 0 < len(taken) < 1000


@pytest.mark.slow
def test_memory_does_not_grow_with_the_facts(as_admin: Client, intern: User) -> None:
    first = used(key_of(intern)).token_ref
    others = TokenRef.objects.bulk_create(TokenRef(token=f"token {number}") for number in range(99))
    models = UsedModel.objects.bulk_create(UsedModel(name=f"model {number}") for number in range(20))
    Fact.objects.bulk_create(
        (
            Fact(day=day(1 + number % 20), token_ref=token_ref, model=models[number // 20])
            for token_ref in (first, *others)
            for number in range(MANY // 100)
        ),
        batch_size=500,
    )
    gc.collect()

    tracemalloc.start()
    try:
        response: Any = as_admin.get("/usage/everyone/facts.csv")
        rows = sum(part.count(b"\n") for part in response.streaming_content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert rows == MANY + 2  # and the head
    assert peak < 8_000_000  # bytes; all rows at once are some forty million


@pytest.mark.parametrize("name", ["usage.csv", "facts.csv", "everyone/people.csv"])
def test_every_column_for_programs_is_documented(as_admin: Client, name: str) -> None:
    documented = (Path(settings.BASE_DIR) / "docs/csv.md").read_text(encoding="utf-8")

    (head, *_) = file_of(as_admin.get(f"/usage/{name}")).splitlines()

    assert [column for column in head.split(",") if f"`{column}`" not in documented] == []
