"""The explorer on the pages: several values of a filter, its file."""

import csv
import io
import re
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User
from courses.models import Course
from tests.factories import make_intern
from tests.french.conftest import in_french
from tests.teaching.courses import make_course
from tests.usage.views.facts import content_of, day, file_of, key_of, used
from usage.models import CostCentre
from usage.queries.scope import MAX_VALUES, NONE, joined, scope_of, values_of

EVERYONE = "/usage/everyone/"
VIEW = "/usage/everyone/view.csv"


def use_of_three_models(owner: User) -> None:
    for usd, model in ((4, "gpt-4o-mini"), (2, "claude-3-haiku"), (1, "=HYPERLINK()")):
        used(key_of(owner, f"key {usd}"), str(usd), model=model, days_ago=usd)


def rows_of(client: Client, params: dict[str, Any], part: str = "") -> list[dict[str, str]]:
    rows = list(csv.DictReader(io.StringIO(file_of(client.get(VIEW, params)))))
    return [row for row in rows if row["part"] == part] if part else rows


def test_a_form_with_several_boxes_filters_by_all_of_them(as_admin: Client, intern: User) -> None:
    use_of_three_models(intern)

    page = content_of(as_admin.get(EVERYONE, {"model": ["gpt-4o-mini", "claude-3-haiku"]}))

    assert '<dd>6.00 <span class="unit">USD</span></dd>' in page
    assert "Remove the filter on Model: gpt-4o-mini" in page
    assert (
        'class="ps-plainlink" href="/usage/everyone/?model=claude-3-haiku"' in page
    )  # the chip's link keeps the other
    assert '<option value="gpt-4o-mini|claude-3-haiku" selected>Several</option>' in page


def test_cost_centres_are_a_filter(as_admin: Client, intern: User, django_assert_max_num_queries: Any) -> None:
    assert "usage-cost-centre" not in content_of(as_admin.get(EVERYONE))
    for usd, code in ((4, "4711|A"), (2, "B")):
        number = CostCentre.objects.create(code=code).pk
        used(key_of(intern, f"key {usd}"), str(usd), cost_centre_number=number)
    used(key_of(intern, "without"), "1")

    page = content_of(as_admin.get(EVERYONE, {"cost_centre": "4711\\|A"}))

    assert '<dd>4.00 <span class="unit">USD</span></dd>' in page
    assert '<option value="4711\\|A" selected>4711|A</option>' in page
    assert '<option value="B">B</option>' in page
    assert re.search(r'href="/usage/everyone/" [^>]*aria-label="Remove the filter on Cost centre: 4711\|A"', page)
    with CaptureQueriesContext(connection) as queries:
        page = content_of(as_admin.get(EVERYONE, {"cost_centre": ["B", NONE]}))
    assert '<dd>3.00 <span class="unit">USD</span></dd>' in page
    assert '<option value="B|(none)" selected>Several</option>' in page
    assert any('"usage_dayperson"' in query["sql"] for query in queries)
    assert not any('"usage_fact"' in query["sql"] for query in queries)
    with django_assert_max_num_queries(8):
        as_admin.get(EVERYONE, {"cost_centre": ["B", NONE]})
    unknown = content_of(as_admin.get(EVERYONE, {"cost_centre": "old"}))
    assert '<option value="old" selected>old</option>' in unknown


def test_a_chosen_course_stays_in_the_filter(as_admin: Client, staff: User) -> None:
    assert "usage-course" not in content_of(as_admin.get(EVERYONE))
    listed, unlisted = make_course(staff, name="Bees"), make_course(staff, name="Draft", state=Course.State.DRAFT)

    for value, label in ((listed.pk, "Bees"), (unlisted.pk, "Draft"), (NONE, "No course")):
        page = content_of(as_admin.get(EVERYONE, {"course": str(value)}))
        assert f'<option value="{value}" selected>{label}</option>' in page
        assert f"Remove the filter on Course: {'none' if value == NONE else label}" in page
    assert ">Draft</option>" not in page


def test_a_page_of_the_table_behind_the_last_is_the_last(as_admin: Client, intern: User) -> None:
    use_of_three_models(intern)

    response = as_admin.get(EVERYONE, {"rows": "999"})

    assert (len(response.context["rows"]), response.context["rows_before"]) == (3, 0)


def test_htmx_keeps_all_boxes_in_the_address(as_admin: Client, intern: User) -> None:
    use_of_three_models(intern)

    response = as_admin.get(EVERYONE, {"model": ["a", "b"], "person": ""}, headers={"HX-Request": "true"})

    assert response["HX-Push-Url"] == f"{EVERYONE}?model=a&model=b"


def test_a_filter_has_whole_values_and_not_endlessly_many() -> None:
    names = [f"person-{number:03}-{'x' * 60}" for number in range(40)]
    assert values_of(scope_of({"person": joined(names)}).person) == tuple(names[:27])
    assert len(values_of(scope_of({"model": "|".join(map(str, range(400)))}).model)) == MAX_VALUES
    assert scope_of({"model": "a|a|b|"}).model == "a|b"


def test_any_names_are_the_same_after_the_address() -> None:
    names = ("a\\", "b", "c\\|d", "\\\\server", "|", "e\\f")
    for some in (names, names[:2], names[2:3], names[-1:]):
        assert values_of(scope_of({"group": joined(some)}).group) == some
    assert values_of("DOMAIN\\user") == ("DOMAIN\\user",)  # as people type it


def test_a_name_with_a_bar_is_one_value(as_admin: Client) -> None:
    person = make_intern("odd")
    person.groups.set([Group.objects.create(name="Odd|name")])
    used(key_of(person), "3")

    page = content_of(as_admin.get(EVERYONE, {"split": "group"}))

    assert 'name="group" value="Odd\\|name"' in page
    assert "group=Odd%5C%7Cname" in page


def test_the_file_has_the_view(as_admin: Client, intern: User, settings: Settings) -> None:
    use_of_three_models(intern)
    params = {"split": "model", "by": "month", "from": day(40).isoformat(), "to": day(0).isoformat()}

    models = rows_of(as_admin, params, "model")

    assert [(row["name"], row["spend_usd"], row["share"]) for row in models] == [
        ("gpt-4o-mini", "4", "0.5714"),
        ("claude-3-haiku", "2", "0.2857"),
        ("'=HYPERLINK()", "1", "0.1429"),
    ]
    intervals = rows_of(as_admin, params, "interval")
    assert all(row["day"].endswith("-01") for row in intervals)
    assert sum(float(row["spend_usd"]) for row in intervals) == 7
    assert rows_of(as_admin, params, "total")[0]["spend_usd"] == "7"
    assert sum(float(row["spend_usd"]) for row in rows_of(as_admin, params, "interval and part")) == 7

    settings.CURRENCY, settings.CURRENCY_RATE = "EUR", Decimal("0.5")
    (model, *_others) = rows_of(as_admin, {**params, "compare": "1", "to": day(2).isoformat()}, "model")
    assert list(model)[3:] == ["spend_usd", "share", "before", "owner", "spend_eur", "before_eur"]
    assert (model["spend_usd"], model["before"], model["spend_eur"], model["before_eur"]) == ("4", "0", "2", "0")
    heads = file_of(as_admin.get(VIEW, {**params, "for": "people"})).splitlines()[0]
    assert '"Spend (EUR)","Period before (EUR)"' in heads
    assert "before_eur" not in file_of(as_admin.get(VIEW, {**params, "metric": "requests"}))


def test_the_file_has_metric_filter_and_period_of_the_url(as_admin: Client, intern: User, staff: User) -> None:
    use_of_three_models(intern)
    used(key_of(staff, "other"), "9", ok_requests=5, failed_requests=3, days_ago=1)
    params = {"metric": "failed-share", "split": "person", "person": staff.username, "period": "7d"}

    assert [(row["name"], row["failed_share"]) for row in rows_of(as_admin, params, "person")] == [
        (staff.display_name, "0.375")
    ]
    assert rows_of(as_admin, {**params, "period": "today"}, "person") == []


def test_the_file_has_every_line_of_a_split(as_admin: Client) -> None:
    for number in range(30):
        used(key_of(make_intern(f"person-{number}")), str(number + 1))

    assert len(rows_of(as_admin, {"split": "person"}, "person")) == 30


def test_the_file_for_people_is_in_their_language(admin: User, intern: User) -> None:
    used(key_of(intern), "2.5", model="")

    text = file_of(in_french(admin).get(VIEW, {"for": "people"}))

    assert '"Modèle";"";"sans modèle";"2,5"' in text
