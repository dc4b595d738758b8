"""Odd requests to each operation, made from the schema: nothing fails, and every answer is within the schema."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from pytest_django import Settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import User
from api.scopes import SCOPES
from tests.api.conftest import Program
from tests.courses.actions import enrol, get_key, open_course
from tests.keys.actions import issue
from tests.sandbox_process import Sandbox

EXAMPLES = int(os.environ.get("API_EXAMPLES", "6"))  # of each operation and role
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]


def operations(url: str) -> Iterator[Any]:
    """Yield the operations of the schema that the portal serves."""
    schema = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]  # the other kind is an error of the schema
        yield operation


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ["intern", "staff", "admin"])
def test_every_answer_is_within_the_schema(
    role: str, live_server: Any, intern: User, staff: User, admin: User, sandbox: Sandbox, no_limits: Settings
) -> None:
    get_key(enrol(open_course(staff), intern))
    for person in (intern, staff, admin):
        issue(person)
    secret = Program({"intern": intern, "staff": staff, "admin": admin}[role], *SCOPES).secret

    for operation in operations(live_server.url):

        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            case.call_and_validate(headers={"Authorization": f"Bearer {secret}"}, checks=CHECKS)

        ask()


@pytest.fixture
def no_limits(settings: Settings) -> Settings:
    """Lift the limits of requests: those of actions are high, too."""
    settings.API_REQUESTS_PER_MINUTE = settings.KEY_ACTIONS_PER_HOUR = 1_000_000
    return settings
