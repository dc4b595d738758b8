"""Everyone in detail: people without usage, owners of keys, failing models, comparisons of months."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from keys.models import Key
from tests.factories import make_intern, make_staff
from tests.keys.views.pages import words_of
from tests.usage.views.facts import day, key_of, table_of, used
from tests.usage.views.test_everyone import people_of, words


@pytest.fixture
def idle(db: None) -> User:
    """Make one who used a key, and one, of another group, who has two and used none."""
    used(key_of(make_intern("busy", first_name="Busy", last_name="Bee"), "hive"), "3")
    idle = make_staff("idle", first_name="Idle", last_name="Ida")
    key_of(idle, "unused")
    key_of(idle, "play", kind=Key.Kind.PLAYGROUND)
    key_of(make_staff("gone"), "gone", state=Key.State.DELETED)
    return idle


def test_people_with_a_key_and_no_usage_are_listed_last_and_counted(as_admin: Client, idle: User) -> None:
    assert people_of(as_admin) == ["Busy Bee", "Idle Ida"]
    assert "People 1 1 has a key and used nothing" in words(as_admin)
    assert "Staff 0.00 0 2 none" in words(as_admin)
    assert [row["person"] for row in table_of(as_admin.get("/usage/everyone/people.csv"))] == ["busy", "idle"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"group": "Staff"}, "1 has a key and used nothing"),
        ({"group": "Interns"}, "all who have a key used it"),
        ({"kind": "playground"}, "1 has a key and used nothing"),
        ({"kind": "personal"}, "nobody has a key"),
        ({"kind": "temporary"}, "1 has a key and used nothing"),
        ({"person": "bee"}, "all who have a key used it"),
        ({"key": "unus"}, "1 has a key and used nothing"),
        ({"key": "@123456"}, "nobody has a key"),
    ],
)
def test_people_without_usage_respect_the_filters(
    as_admin: Client, idle: User, filters: dict[str, str], expected: str
) -> None:
    assert expected in words(as_admin, **filters)


def test_each_model_says_how_many_of_its_requests_fail(as_intern: Client, intern: User) -> None:
    key = key_of(intern)
    used(key, "2", model="good", ok_requests=300)
    used(key, "1", model="bad", ok_requests=75, failed_requests=25)

    text = words_of(as_intern.get("/usage/", {"metric": "failed-share"}))

    assert text.index("bad 25.0 %") < text.index("good 0.0 %")


def test_says_that_a_person_of_two_groups_counts_in_both(as_admin: Client, idle: User) -> None:
    said = "Somebody in two groups counts in both."
    assert said not in words(as_admin)
    assert said in words(as_admin, group="Staff")

    idle.groups.add(Group.objects.get(name="Interns"))
    used(idle.keys.get(label="unused"), "5")

    assert said in words(as_admin)
    for group in ("Staff", "Interns"):
        assert "Idle Ida" in people_of(as_admin, group=group)


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("month", "than the same days of the month before"),
        ("last-month", "than the month before"),
    ],
)
def test_a_month_says_what_it_is_compared_with(as_intern: Client, intern: User, period: str, expected: str) -> None:
    key = key_of(intern)
    first_of_last = (day(0).replace(day=1) - timedelta(days=1)).replace(day=1)
    first_before = (first_of_last - timedelta(days=1)).replace(day=1)
    for number, first in enumerate((day(0).replace(day=1), first_of_last, first_before)):
        used(key, str(number + 1), days_ago=(day(0) - first).days)

    assert f"1.00 less {expected}" in words_of(as_intern.get("/usage/", {"period": period}))


def test_of_a_past_period_it_says_that_the_last_use_is_within_it(as_admin: Client, idle: User) -> None:
    past = {"from": str(day(9)), "to": str(day(3))}
    used(Key.objects.get(label="hive"), "1", days_ago=5)

    assert "Last use in the period" in words(as_admin, **past)
    assert "Last use in the period" not in words(as_admin)
