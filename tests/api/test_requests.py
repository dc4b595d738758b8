"""Every request: who makes it, which part of their rights the token has, errors, limits and pages."""

import json
import re
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import AccessToken, User
from api.scopes import SCOPES
from api.v1 import api
from api.v1.auth import UNKNOWN_PER_MINUTE
from gateway.own_secrets import new_secret
from gateway.secret import PAT_PREFIX
from tests.api.conftest import Program, is_refused_after
from tests.conftest import signed_in
from tests.keys.actions import issue
from tests.sandbox_process import Sandbox

PROBLEM = "application/problem+json"
NUMBERS = ("person_id", "group_id", "grant_id")


def test_says_whose_token_it_is(by_intern: Program) -> None:
    answer = by_intern.get("/me")

    assert answer.status_code == 200
    assert answer.json()["username"] == "intern"
    assert answer.json()["access_token"]["scopes"] == sorted(SCOPES)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer unknown"])
def test_refuses_a_request_without_a_valid_token(client: Client, db: None, header: str) -> None:
    answer = client.get("/api/v1/me", headers={"Authorization": header.replace("unknown", new_secret(PAT_PREFIX))})

    assert answer.status_code == 401
    assert answer["Content-Type"] == PROBLEM
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "unauthorized"


def test_a_session_counts_for_nothing(as_admin: Client) -> None:
    assert as_admin.get("/api/v1/me").status_code == 401
    assert as_admin.post("/api/v1/me/keys", {"label": "x"}, content_type="application/json").status_code == 401


def test_no_cookie_is_set_or_read(intern: User) -> None:
    program = Program(intern)
    program.client = signed_in(intern)
    program.client.cookies["language"] = "fr"

    answer = program.get("/nothing")

    assert not answer.cookies
    assert answer.json()["detail"] == "There is nothing at this address."


def test_a_token_without_the_scope_is_refused(staff: User, sandbox: Sandbox) -> None:
    key = issue(staff).key
    scopes = api.scopes_by_operation()
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method, details in methods.items():
            scope = scopes.get(details["operationId"])
            if scope is None:
                continue
            program = Program(staff, *(name for name in SCOPES if name != scope))
            address = re.sub("{(\\w+)}", lambda name: "1" if name[1] in NUMBERS else str(key.pk), path)
            answer = program.ask(method, address.removeprefix("/api/v1"), {})
            assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope"), (method, path)
            AccessToken.objects.all().delete()


def test_every_operation_that_is_about_more_than_the_token_needs_a_known_scope() -> None:
    operations = {
        details["operationId"] for methods in api.get_openapi_schema()["paths"].values() for details in methods.values()
    }
    scopes = api.scopes_by_operation()

    assert operations - scopes.keys() == {"me", "revoke_access_token"}
    assert set(scopes.values()) <= SCOPES.keys()


@pytest.mark.parametrize(("language", "words"), [("en", "There is nothing"), ("fr", "Il n’y a rien")])
def test_errors_are_problems_in_the_language_of_the_request(by_intern: Program, language: str, words: str) -> None:
    for method, path, status in (("get", "/nothing", 404), ("put", "/me", 405), ("get", "/me/keys/x", 404)):
        answer = by_intern.ask(method, path, Accept_Language=language)
        assert (answer.status_code, answer["Content-Type"]) == (status, PROBLEM), path
        assert answer.json()["status"] == status
        assert words in answer.json()["detail"] or status == 405
    assert answer.json()["title"] == "Not Found"


def test_names_the_fields_that_are_wrong(by_intern: Program) -> None:
    answer = by_intern.post("/me/keys", {"kind": []})

    assert answer.status_code == 422
    assert {each["field"] for each in answer.json()["errors"]} == {"label", "kind"}
    assert by_intern.post("/me/keys", {"label": ""}).json()["errors"][0]["field"] == "label"


def test_a_body_that_is_no_json_is_a_problem(by_intern: Program) -> None:
    headers = {"Authorization": f"Bearer {by_intern.secret}"}

    answer = by_intern.client.post("/api/v1/me/keys", "{", content_type="application/json", headers=headers)

    assert (answer.status_code, answer["Content-Type"]) == (400, PROBLEM)


def test_each_answer_names_the_limit_and_the_one_too_many_is_refused(by_intern: Program, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    first = by_intern.get("/me")
    assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == ("2", "1")
    assert 0 < int(first["RateLimit-Reset"]) <= 60

    refused = next(answer for answer in map(by_intern.get, ["/me"] * 5) if answer.status_code != 200)

    assert (refused.status_code, refused["Content-Type"]) == (429, PROBLEM)
    assert int(refused["Retry-After"]) > 0
    assert refused["RateLimit-Remaining"] == "0"


def test_unknown_tokens_from_one_address_are_limited(client: Client, db: None) -> None:
    def send() -> Any:
        return client.get("/api/v1/me", headers={"Authorization": "Bearer x"})

    assert send().status_code == 401
    assert is_refused_after(UNKNOWN_PER_MINUTE, send)


def test_an_unchanged_answer_is_not_sent_again(by_intern: Program) -> None:
    first = by_intern.get("/models")

    again = by_intern.get("/models", If_None_Match=first["ETag"])

    assert (again.status_code, again.content) == (304, b"")
    assert "no-cache" in again["Cache-Control"]
    assert int(again["RateLimit-Remaining"]) >= 0


def test_lists_come_in_pages(by_staff: Program, staff: User, sandbox: Sandbox) -> None:
    made = [str(issue(staff, f"key {number}").key.pk) for number in range(5)]
    found, cursor = [], ""
    while cursor is not None:
        page = by_staff.get(f"/me/keys?limit=2&cursor={cursor}").json()
        found += [key["id"] for key in page["items"]]
        cursor = page["next_cursor"]

    assert found == made[::-1]


def test_a_cursor_that_is_not_ours_is_refused(by_admin: Program) -> None:
    values = (
        '["0001-01-01T00:00:00+14:00", 1]',
        '["9999-12-31T23:59:59-14:00", 1]',
        '["2026-01-01T00:00:00", 1]',
        '["2026-01-01T00:00:00Z", 1e999]',
        '["2026-01-01T00:00:00Z", null]',
        "{}",
        "[]",
        "[1, 2]",
    )

    for wrong in ("x", "é", *(urlsafe_b64encode(value.encode()).decode() for value in values)):
        assert by_admin.get(f"/admin/people?cursor={wrong}").status_code == 422, wrong


def test_the_schema_is_public_and_names_errors(client: Client, db: None) -> None:
    answer = client.get("/api/v1/openapi.json")

    assert answer.status_code == 200
    assert json.loads(answer.content)["openapi"] == "3.1.0"
    assert api.get_openapi_schema() is api.get_openapi_schema()  # takes 70 ms, for anybody
    assert "application/problem+json" in answer.content.decode()


def test_the_documentation_shows_each_operation(client: Client, db: None) -> None:
    page = client.get("/api/docs/").content.decode()

    for path in api.get_openapi_schema()["paths"]:
        assert path.removeprefix("/api/v1") in page
