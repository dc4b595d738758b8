"""Odd requests to each operation, made from the schema: nothing fails, and every answer is within the schema."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import Group
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django import Settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import AccessRequest, Grant, User
from api.scopes import SCOPES
from tests.api.conftest import Program
from tests.courses.actions import enrol, get_key, open_course
from tests.factories import make_user
from tests.keys.actions import issue
from tests.sandbox_process import Sandbox

EXAMPLES = int(os.environ.get("API_EXAMPLES", "2"))  # of each operation and role; more by `make fuzz-api`
ENDINGS = ("/end", "/deactivate", "/hand-over", "/refuse", "/approve")
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]


def operations(url: str) -> Iterator[Any]:
    """Yield the operations of the schema that the portal serves."""
    schema = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]  # the other kind is an error of the schema
        yield operation


def those_that_end_something_last(url: str) -> list[Any]:
    """Return the operations in an order in which objects are there for long."""
    ends = {each.label: each.method == "delete" or each.path.endswith(ENDINGS) for each in operations(url)}
    return sorted(operations(url), key=lambda each: (each.path.endswith("/access-token"), ends[each.label]))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ["intern", "staff", "admin"])
def test_every_answer_is_within_the_schema(
    role: str, live_server: Any, intern: User, staff: User, admin: User, sandbox: Sandbox, no_limits: Settings
) -> None:
    person = {"intern": intern, "staff": staff, "admin": admin}[role]
    real = objects_for(person, staff)
    secret = Program(person, *SCOPES).secret

    for operation in those_that_end_something_last(live_server.url):

        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(
            case=operation.as_strategy(), is_real=st.sampled_from([True, False])
        )  # the first example is of what is there
        def ask(case: Any, is_real: bool) -> None:
            if is_real:
                case.path_parameters = {name: real[name] for name in case.path_parameters}
            case.call_and_validate(headers={"Authorization": f"Bearer {secret}"}, checks=CHECKS)

        ask()


def objects_for(person: User, teacher: User) -> dict[str, Any]:
    """Return the ids in the addresses: of what the person has, where they can have it."""
    owner = person if person.groups.filter(name__in=("Staff", "Admins")).exists() else teacher
    course = open_course(owner)
    get_key(enrol(course))
    of_intern = issue(owner, "for Bo", intern_name="Bo K").key
    member, until = make_user("member"), timezone.now() + timedelta(days=3)
    about: dict[str, Any] = {"person": member, "thing": "budget", "amount_usd": 2}
    ids = {
        "key_id": issue(person).key.pk,
        "intern_id": of_intern.intern_id,
        "course_id": course.pk,
        "student_id": enrol(course).pk,
        "person_id": member.pk,
        "group_id": Group.objects.create(name="Office").pk,
        "grant_id": Grant.objects.create(given_by=teacher, ends_at=until, **about).pk,
        "request_id": AccessRequest.objects.create(ends_on=until.date(), **about).pk,
    }
    return {name: each if isinstance(each, int) else str(each) for name, each in ids.items()}


@pytest.fixture
def no_limits(settings: Settings) -> Settings:
    """Lift the limits of requests: those of actions are high, too."""
    settings.API_REQUESTS_PER_MINUTE = settings.KEY_ACTIONS_PER_HOUR = 1_000_000
    return settings
