"""My usage: the spend of a person's keys, the rest of budgets, and what happens next."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from keys.models import Key
from tests.factories import make_staff
from tests.keys.views.pages import assert_form, words_of
from tests.teaching.courses import add_student, make_course
from tests.usage.views.facts import day, key_of, settle, used
from usage.models import UsageState, utc_today
from usage.periods import budget_reset_day
from usage.templatetags.usage_words import long_day
from web.templatetags.portal import short_day

MINE = "/usage/"


def words(client: Client, **params: str) -> str:
    response = client.get(MINE, params)
    assert response.status_code == 200
    return words_of(response)


def test_without_a_key_it_says_what_to_do(as_intern: Client, way: dict[str, str]) -> None:
    response = as_intern.get(MINE, headers=way)

    assert_form(response, way, "usage-panel")
    assert "You have no key. Create one in My keys" in words_of(response)


def test_with_a_key_that_was_not_used_it_says_so(as_intern: Client, intern: User) -> None:
    key_of(intern)
    settle()

    assert "Nothing in this period" in words(as_intern)


def test_before_the_first_poll_it_says_so(as_intern: Client, intern: User) -> None:
    key_of(intern)

    assert "No numbers yet" in words(as_intern)


def test_shows_spend_requests_tokens_failures_and_response_time(
    as_intern: Client, intern: User, way: dict[str, str]
) -> None:
    key = key_of(intern)
    used(key, "1.5", prompt_tokens=2_000_000, completion_tokens=300, ok_requests=9, failed_requests=1, response_ms=9000)
    used(key, "1", days_ago=30)

    response = as_intern.get(MINE, headers=way)

    assert_form(response, way, "usage-panel")
    text = words_of(response)
    for each in ("1.50 USD", "0.50 more than the 30 days before", "10", "1 failed, 10.0 %", "2.00 million", "1.0 s"):
        assert each in text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("before", "expected"),
    [("3", "2.00 less than the day before"), ("1", "as much as the day before"), (None, "nothing the day before")],
)
def test_says_the_change_in_words(as_intern: Client, intern: User, before: str | None, expected: str) -> None:
    key = key_of(intern)
    used(key, "1")
    if before:
        used(key, before, days_ago=1)

    assert expected in words(as_intern, period="today")


def test_puts_every_day_of_the_chart_into_a_table(as_intern: Client, intern: User) -> None:
    key = key_of(intern)
    used(key, "0.5", days_ago=1)
    used(key, "0.25", days_ago=1, model="claude-3-haiku")

    page = as_intern.get(MINE, {"period": "7d"}).content.decode()

    assert page.count('data-part="') == 2
    table = page[page.index('id="usage-days"') :]
    table = table[: table.index("</table>")]
    assert len(re.findall("<tr>", table)) == 7 + 1
    row = next(row for row in table.split("<tr>") if short_day(day(1)) in row)
    assert re.findall(r'class="num">([^<]*)', row) == ["0.50", "0.25", "0.75"]


@pytest.mark.parametrize("period", ["today", "7d", "30d", "90d", "month"])
def test_marks_the_period_that_is_shown(as_intern: Client, intern: User, period: str) -> None:
    used(key_of(intern))

    page = as_intern.get(MINE, {"period": period}).content.decode()

    assert re.findall(r'id="usage-period-(\w+)"[^>]*aria-current="true"', page) == [period]


def test_shows_a_custom_period(as_intern: Client, intern: User) -> None:
    key = key_of(intern)
    used(key, "2", days_ago=40)
    used(key, "4")
    chosen = {"from": day(41).isoformat(), "to": day(39).isoformat()}

    page = as_intern.get(MINE, chosen).content.decode()

    assert "2.00" in page
    assert "4.00" not in page
    assert f'value="{chosen["from"]}"' in page
    assert f"from={chosen['from']}&amp;to={chosen['to']}" in page


def test_links_filter_the_view_and_chips_remove_filters(as_intern: Client, intern: User) -> None:
    key = key_of(intern)
    used(key, "2")
    used(key_of(intern, "other"), "4", model="claude-3-haiku")
    page = as_intern.get(MINE, {"period": "7d", "split": "key"}).content.decode()
    narrowed = f"/usage/?period=7d&key={key.pk}"
    assert f"/usage/?period=7d&amp;split=key&amp;key={key.pk}" in page

    text = as_intern.get(narrowed).content.decode()

    assert "Key: <bdi>thesis</bdi>" in text
    assert 'href="/usage/?period=7d"' in text
    assert "claude-3-haiku" not in text


@pytest.mark.parametrize("budget_period", ["1d", "7d", "30d"])
def test_shows_each_budget_as_a_bar_with_words_and_its_reset(
    as_intern: Client, intern: User, budget_period: str
) -> None:
    used(key_of(intern, budget_usd=5, budget_period=budget_period), "1.21")

    page = as_intern.get(MINE).content.decode()

    assert re.search(r'<progress class="ps-bar" max="5.0000" value="1.210000000000" aria-label="[^"]*thesis', page)
    reset = long_day(budget_reset_day(budget_period, utc_today()) or utc_today())
    assert f"1.21 of 5.00\u00a0USD used, resets on {reset} (UTC)" in page
    assert "3.79" in page


def test_people_over_budget_see_everything_and_what_happens_next(as_intern: Client, intern: User) -> None:
    used(key_of(intern, budget_usd=5, budget_period="30d"), "5")

    text = words(as_intern).replace("\u00a0", " ")

    assert "5.00 of 5.00 USD used. This key pauses until" in text
    assert "Need more? Ask for more" in text
    assert "Spend, by model" in text


def test_says_nothing_of_the_budget_of_a_key_that_ended(as_intern: Client, intern: User) -> None:
    used(key_of(intern, budget_usd=5, budget_period="30d", state=Key.State.DELETED), "5")

    text = words(as_intern, split="key")

    assert "pauses until" not in text
    assert "thesis" in text


def test_says_how_fresh_the_numbers_are(as_intern: Client, intern: User) -> None:
    used(key_of(intern))
    UsageState.objects.update(last_ok_at=timezone.now() - timedelta(minutes=3))

    assert "3 minutes ago. Days are counted in UTC." in words(as_intern)


@pytest.mark.parametrize(
    ("minutes", "as_person", "as_admin_"),
    [(9, "", ""), (11, "These are the numbers of", "The reason: The gateway does not answer")],
)
def test_says_that_polling_fails_once_it_does_for_ten_minutes(
    as_intern: Client, as_admin: Client, intern: User, minutes: int, as_person: str, as_admin_: str
) -> None:
    used(key_of(intern))
    since = timezone.now() - timedelta(minutes=minutes)
    UsageState.objects.update(failing_since=since, problem="The gateway does not answer", last_ok_at=since)

    for client, expected in ((as_intern, as_person), (as_admin, as_admin_)):
        text = words(client)
        assert ("ps-note is-warn" in client.get(MINE).content.decode()) == bool(expected)
        assert expected in text
    assert "The reason" not in words(as_intern)


@pytest.mark.parametrize(
    "params",
    [{"period": "\0"}, {"from": "9" * 5000}, {"model": "\0" * 9}, {"key": "x" * 5000}, {"key": "@99999999999999999"}],
)
def test_accepts_any_query_string(as_intern: Client, intern: User, params: dict[str, str]) -> None:
    used(key_of(intern))

    assert as_intern.get(MINE, params).status_code == 200


def test_is_translated_into_french(as_intern: Client, intern: User) -> None:
    used(key_of(intern), "1234.5")

    with translation.override("fr"):
        page = as_intern.get(MINE, headers={"Accept-Language": "fr"}).content.decode()

    assert "1\u00a0234,50" in page
    assert "Dépenses, par modèle" in page


def test_an_unknown_model_has_a_label(as_intern: Client, intern: User) -> None:
    used(key_of(intern), model="")

    assert "no model" in words(as_intern)


def test_escapes_what_people_call_things(as_intern: Client, intern: User) -> None:
    used(key_of(intern, "<b>bold</b>"), model="<i>model</i>")

    page = as_intern.get(MINE).content.decode()

    assert "<b>bold" not in page
    assert "<i>model" not in page
    assert "&lt;i&gt;model" in page


def test_costs_few_queries_however_much_was_used(
    as_staff: Client, staff: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(9):
        used(key_of(staff, f"key {number}", budget_usd=5, budget_period="30d"), days_ago=number)
    as_staff.get(MINE)

    with django_assert_max_num_queries(8):
        as_staff.get(MINE)


def test_no_page_of_a_person_needs_the_program_of_charts(as_intern: Client, intern: User) -> None:
    """Chart.js weighs more than the rest of a page: only a course loads it."""
    used(key_of(intern))

    for url in (MINE, "/", "/models/", "/get-started/"):
        assert "js/chart" not in as_intern.get(url).content.decode()


def test_is_marked_in_the_main_navigation(as_intern: Client, as_admin: Client) -> None:
    current: dict[str, Any] = {"/usage/": "page", "/usage/everyone/": "true", "/usage/runs/": "true"}

    for url, mark in current.items():
        page = as_admin.get(url).content.decode()
        assert f'<a href="/usage/start/" aria-current="{mark}">Usage</a>' in page


def test_shows_the_keys_of_one_course(as_staff: Client, staff: User) -> None:
    assert "usage-course" not in as_staff.get(MINE).content.decode()
    course, foreign = make_course(staff), make_course(make_staff("other"), name="Foreign")
    used(add_student(course, "Eve", account=False).key, "3")
    used(add_student(foreign, "Bob", account=False).key, "9")
    used(key_of(staff, "own"), "5")

    page = as_staff.get(MINE, {"course": str(course.pk)})
    assert ("3.00 USD" in words_of(page), "8.00 USD" in words_of(page)) == (True, False)
    assert "Course: Prompting" in words_of(page)
    assert "Foreign" not in page.content.decode()
    assert "9.00" not in words(as_staff, course=str(foreign.pk))
