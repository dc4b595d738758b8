"""Tokens of SCIM clients: who makes them, what they open, and for how long."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from msgspec.structs import replace
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import AuditEntry, ScimClient
from gateway.secret import Secret, redact
from tests.conftest import signed_in
from tests.people.conftest import with_permissions
from tests.scim.conftest import TRUSTED, Send

pytestmark = pytest.mark.django_db
PAGE, SECRET, REVOKE = "/people/scim/", "/people/scim/uni/secret/", "/people/scim/uni/revoke/"


@pytest.fixture
def as_secretary(settings: Settings) -> Client:
    settings.IDENTITY_PROVIDERS = [TRUSTED]
    return signed_in(with_permissions("secretary", "manage_people"))


def reads(client: Client, secret: str) -> int:
    return client.get("/scim/v2/Users", headers={"Authorization": f"Bearer {secret}"}).status_code


def test_a_token_is_created_replaced_and_revoked(as_secretary: Client, client: Client) -> None:
    assertContains(as_secretary.get(PAGE), "Create token")
    assertContains(as_secretary.get(SECRET), "Create, change and deactivate people")
    assert as_secretary.post(SECRET, {"scopes": "x"}).status_code == 422
    made = as_secretary.post(SECRET, {"scopes": ["users"]})
    assert made.status_code == 201
    first = made.context["secret"]
    assertContains(made, first, status_code=201)
    assert reads(client, first) == 200
    page = as_secretary.get(PAGE)
    assertContains(page, first[-4:])
    assertNotContains(page, first)
    assert first not in str(ScimClient.objects.values())

    second = as_secretary.post(SECRET, {"scopes": ["users", "groups"]}).context["secret"]
    assert (reads(client, first), reads(client, second)) == (200, 200)
    second = as_secretary.post(SECRET, {"scopes": ["users", "groups"]}).context["secret"]  # a double click
    assert (reads(client, first), reads(client, second)) == (200, 200)
    ScimClient.objects.update(former_until=timezone.now() - timedelta(seconds=1))
    assert (reads(client, first), reads(client, second)) == (401, 200)
    assert ScimClient.objects.get().last_used_at
    assertContains(as_secretary.get(REVOKE), "Revoke the SCIM token of University?")
    assertContains(as_secretary.post(REVOKE, follow=True), "is refused from now on")
    assert reads(client, second) == 401
    assert as_secretary.post(REVOKE).status_code == 404
    assertContains(as_secretary.get(SECRET), "Create token")
    third = as_secretary.post(SECRET).context["secret"]
    assert (reads(client, second), reads(client, third)) == (401, 200)
    assert list(
        AuditEntry.objects.filter(object_kind="scim_client").values_list("action", flat=True).order_by("pk")
    ) == [
        "issue",
        "rotate",
        "rotate",
        "revoke",
        "rotate",
    ]


def test_nobody_gets_more_rights_by_a_token(as_secretary: Client, as_admin: Client, settings: Settings) -> None:
    settings.IDENTITY_PROVIDERS = [replace(TRUSTED, groups_allowed=("Staff", "Admins"))]

    assertContains(as_secretary.get(PAGE), "more rights than you have")
    assert as_secretary.get(SECRET).status_code == 403
    assert as_secretary.post(SECRET).status_code == 403
    assert not ScimClient.objects.exists()
    assert as_admin.post(SECRET).status_code == 201
    assert as_secretary.post(REVOKE).status_code == 403


def test_is_for_whoever_manages_people(as_secretary: Client, as_intern: Client) -> None:
    reader = signed_in(with_permissions("reader", "view_people"))
    for page in (PAGE, SECRET, REVOKE):
        assert [each.get(page).status_code for each in (as_intern, reader)] == [403, 403], page
        assert Client().get(page).status_code == 302
    assert as_secretary.get("/people/scim/other/secret/").status_code == 404


def test_refuses_strangers_and_too_many_requests(secret: Secret, client: Client, settings: Settings) -> None:
    for headers in ({}, {"Authorization": "Basic x"}, {"Authorization": "Bearer passerelle_scim_x"}):
        answer = client.get("/scim/v2/Users", headers=headers)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    settings.API_REQUESTS_PER_MINUTE = 1
    answers = [client.get("/scim/v2/Users", headers={"Authorization": f"Bearer {secret}"}) for _each in range(3)]
    late = next(each for each in answers if each.status_code == 429)  # also where a minute ends in between
    assert int(late["Retry-After"]) > 0
    settings.IDENTITY_PROVIDERS = []
    settings.API_REQUESTS_PER_MINUTE = 100
    assert reads(client, secret) == 403


def test_a_large_body_is_refused_and_no_log_has_the_token(send: Send, secret: Secret) -> None:
    assert send("POST", "/Users", "x" * (1024 * 1024 + 1)).status_code == 413
    assert redact(f"Bearer {secret}") == "Bearer passerelle_scim_…"


def test_the_discovery_pages_say_what_there_is(send: Send) -> None:
    config = send("GET", "/ServiceProviderConfig").json()
    supported = {
        name: config[name]["supported"] for name in ("patch", "bulk", "filter", "changePassword", "sort", "etag")
    }
    assert supported == {
        "patch": True,
        "bulk": False,
        "filter": True,
        "changePassword": False,
        "sort": False,
        "etag": True,
    }
    assert [each["id"] for each in send("GET", "/ResourceTypes").json()["Resources"]] == ["User", "Group"]
    assert send("GET", "/Schemas").json()["totalResults"] >= 2
    assert send("GET", "").status_code in (200, 501)
