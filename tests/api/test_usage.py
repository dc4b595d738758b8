"""Own usage by the API: with an access token, and with a gateway key."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import GroupSpend, User
from accounts.models.group_spend import month_first_day
from api.v1.auth import UNKNOWN_PER_MINUTE
from gateway.secret import token_of
from keys.models import Token
from tests.api.conftest import Program, is_refused_after
from tests.factories import make_intern, make_policy
from tests.keys.actions import issue
from tests.portal.test_routes import what_is_stored
from tests.sandbox_process import Sandbox
from tests.usage.views.facts import key_of, table_of, used


def with_key(secret: str, **headers: str) -> Any:
    return Client().get("/api/v1/me/usage", headers={"Authorization": f"Bearer {secret}", **headers})


def test_says_what_is_spent_and_left(by_intern: Program, intern: User, sandbox: Sandbox) -> None:
    used(issue(intern).key, "1.25")

    usage = by_intern.get("/me/usage").json()

    assert (usage["key"], usage["expires_at"]) == (None, None)
    assert (usage["spent_usd"], usage["left_usd"]) == ("1.25", "3.75")
    assert usage["as_of"]


def test_nothing_is_left_while_the_budget_of_a_group_stops_its_members(
    by_intern: Program, intern: User, sandbox: Sandbox
) -> None:
    fresh = issue(intern)
    make_policy("Interns", group_budget_usd=10, group_budget_stops=True)
    spend = {"spent_usd": 10, "first_day": month_first_day()}
    GroupSpend.objects.update_or_create(group=Group.objects.get(name="Interns"), defaults=spend)

    assert by_intern.get("/me/usage").json()["left_usd"] == "0"
    assert with_key(fresh.secret).json()["left_usd"] == "0"
    (key,) = by_intern.get("/me/keys").json()["items"]
    assert "Your group Interns has used its budget" in key["sentence"]
    assert by_intern.post("/me/keys", {"label": "more", "kind": "temporary"}).json()["code"] == "budget"


def test_a_gateway_key_says_what_it_has_spent(intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)

    answer = with_key(fresh.secret)

    assert answer.status_code == 200
    usage = answer.json()
    assert usage["key"] == {"id": str(fresh.key.pk), "label": "thesis"}
    assert (usage["spent_usd"], usage["budget_usd"], usage["left_usd"]) == ("0", "5", "5")
    assert usage["resets_on"]
    assert usage["expires_at"]
    assert answer["RateLimit-Limit"]


def test_a_second_request_costs_one_query_and_no_call_of_the_gateway(
    intern: User, sandbox: Sandbox, settings: Settings
) -> None:
    fresh = issue(intern)
    with_key(fresh.secret)
    sandbox.faults("/key/info", "error", times=9)

    with CaptureQueriesContext(connection) as queries:
        assert with_key(fresh.secret).status_code == 200

    of_rows = [each["sql"] for each in queries if not re.search("portal_cache|SAVEPOINT", each["sql"])]
    assert len(of_rows) == 1


@pytest.mark.parametrize("end", ["replaced", "owner left", "deleted at the gateway"])
def test_a_key_that_no_longer_works_is_refused(intern: User, sandbox: Sandbox, end: str) -> None:
    fresh = issue(intern)
    if end == "replaced":
        Token.objects.update(state=Token.State.DELETED)
    elif end == "owner left":
        User.objects.update(is_active=False)
    else:
        sandbox.call("POST", "/key/delete", key=sandbox.admin_key, body={"keys": [fresh.secret]})

    answer = with_key(fresh.secret)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_a_gateway_that_is_away_is_said_and_not_kept(intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)
    sandbox.faults("/key/info", "error", times=9)
    assert with_key(fresh.secret).status_code == 503
    sandbox.clear_faults()

    assert with_key(fresh.secret).status_code == 200


def test_unknown_keys_are_limited_and_stored_nowhere(sandbox: Sandbox, db: None) -> None:
    secret, *more = [f"sk-{number:024}" for number in range(2 * UNKNOWN_PER_MINUTE + 2)]

    assert with_key(secret).status_code == 401
    assert is_refused_after(UNKNOWN_PER_MINUTE, lambda: with_key(more.pop()))
    assert secret not in str(what_is_stored())
    assert cache.get(f"api:key-usage:{token_of(secret)}") is None  # they would evict the rate limits of others


def test_a_gateway_key_opens_nothing_else(intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)
    headers = {"Authorization": f"Bearer {fresh.secret}"}

    for path in ("/me", "/me/keys", "/models", "/me/usage/explore"):
        assert Client().get(f"/api/v1{path}", headers=headers).status_code == 401, path


def test_answers_the_questions_of_the_explorer(by_intern: Program, intern: User) -> None:
    used(key_of(intern), "1.25")
    used(key_of(make_intern("other")), "8")

    found = by_intern.get("/me/usage/explore?period=7d&split=key&compare=1").json()

    assert (found["total"], found["by"], len(found["starts"])) == ("1.25", "day", 7)
    assert [line["amount"] for line in found["lines"]] == ["1.25"]
    assert found["lines"][0]["series"][-1] == "1.25"
    rows = table_of(by_intern.get("/me/usage/explore.csv?period=7d&split=key"))
    assert Decimal(rows[0]["spend_usd"]) == Decimal("1.25")


def test_amounts_are_in_the_currency_of_the_lab_too(
    by_intern: Program, intern: User, sandbox: Sandbox, settings: Settings
) -> None:
    used(issue(intern).key, "1.25")
    explored, usage = by_intern.get("/me/usage/explore").json(), by_intern.get("/me/usage").json()
    assert {explored["currency"], explored["total_in_currency"], usage["currency"], usage["left_in_currency"]} == {None}

    settings.CURRENCY, settings.CURRENCY_RATE = "EUR", Decimal("0.5")

    usage = by_intern.get("/me/usage").json()
    assert usage["currency"] == {"code": "EUR", "per_usd": "0.5", "day": None}
    amounts = [usage[f"{name}_in_currency"] for name in ("spent", "budget", "left")]
    assert (usage["spent_usd"], amounts) == ("1.25", ["0.625", "2.5", "1.875"])
    explored = by_intern.get("/me/usage/explore?compare=1").json()
    assert (explored["total_in_currency"], explored["before_in_currency"]) == ("0.625", "0")
    (line,) = explored["lines"]
    assert (line["amount_in_currency"], line["before_in_currency"]) == ("0.625", "0")
    requests = by_intern.get("/me/usage/explore?metric=requests").json()
    assert (requests["currency"], requests["total_in_currency"]) == (None, None)


def test_somebody_without_keys_has_used_nothing(by_intern: Program) -> None:
    for period in ("today", "30d"):
        found = by_intern.get(f"/me/usage/explore?period={period}&split=key").json()
        assert (found["total"], found["lines"]) == ("0", [])


@pytest.mark.parametrize(
    "query", ["metric=people", "split=person", "by=hour", "period=x", "from=2026-13-01", "compare=2"]
)
def test_refuses_a_question_with_a_mistake(by_intern: Program, query: str) -> None:
    answer = by_intern.get(f"/me/usage/explore?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert by_intern.get(f"/me/usage/explore.csv?{query}").status_code == 422
