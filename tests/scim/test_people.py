"""People by SCIM: new and known accounts, changes, and their end."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.utils import timezone
from pytest_django import Settings

from accounts.audit import Actor
from accounts.models import AuditEntry, LeavingAccount, ScimClient, ScimUser, User
from people import services
from playground.services.anonymise import anonymise
from tests.factories import make_user
from tests.scim.conftest import TRUSTED, Send
from tests.tasks import run_tasks

pytestmark = pytest.mark.django_db
SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def person(user_name: str = "bjensen", **more: Any) -> dict[str, Any]:
    """Return a person as RFC 7644 (3.3) creates one."""
    name = {"formatted": "Ms. Barbara J Jensen III", "familyName": "Jensen", "givenName": "Barbara"}
    return {"schemas": [SCHEMA], "userName": user_name, "externalId": f"id-{user_name}", "name": name, **more}


def email(address: str) -> list[dict[str, Any]]:
    return [{"value": "home@example.org", "type": "home"}, {"value": address, "type": "work", "primary": True}]


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(operations)}


def test_creates_an_account_and_answers_as_the_rfc_shows(send: Send, settings: Settings) -> None:
    answer = send(
        "POST", "/Users", person(emails=email("barbara@example.edu"), nickName="Babs", password="t1meMa$heen")
    )

    assert answer.status_code == 201
    found = answer.json()
    there = f"{settings.PORTAL_URL}/scim/v2/Users/{found['id']}"
    assert (answer["Location"], answer["ETag"], answer["Content-Type"]) == (there, 'W/"1"', "application/scim+json")
    assert {name: found["meta"][name] for name in ("resourceType", "location", "version")} == {
        "resourceType": "User",
        "location": there,
        "version": 'W/"1"',
    }
    assert (found["userName"], found["externalId"], found["name"]["familyName"]) == ("bjensen", "id-bjensen", "Jensen")
    assert "password" not in found
    user = User.objects.get(username="bjensen")
    assert (user.get_full_name(), user.email, user.has_usable_password()) == (
        "Barbara Jensen",
        "barbara@example.edu",
        False,
    )
    assert EmailAddress.objects.get(user=user).verified
    assert send("GET", f"/Users/{found['id']}").json() == found
    assert AuditEntry.objects.get(subject=user).remark.startswith("by SCIM, with the token …")


def test_errors_have_the_form_of_the_rfc(send: Send) -> None:
    send("POST", "/Users", person())
    error = ["urn:ietf:params:scim:api:messages:2.0:Error"]
    for method, path, body, status, kind in (
        ("GET", "/Users/2819c223-7f76-453a-919d-413861904646", None, 404, None),
        ("GET", "/Users/%00", None, 404, None),
        ("POST", "/Users", person("BJENSEN"), 409, "uniqueness"),
        ("POST", "/Users", "{", 400, "invalidSyntax"),
        ("POST", "/Users", {"schemas": [SCHEMA]}, 400, "invalidValue"),
        ("POST", "/Users", person("x" * 151), 400, "invalidValue"),
        ("POST", "/Users", person("İ" * 150), 400, "invalidValue"),  # two letters each, in lower case
        ("POST", "/Users", person("\ufdfa" * 100), 400, "invalidValue"),  # one sign, eighteen letters
        ("POST", "/Users", person(" "), 400, "invalidValue"),
        ("POST", "/Users", person("a\0b"), 400, "invalidValue"),
        ("POST", "/Users", '{"userName": "\\ud800", "schemas": ["' + SCHEMA + '"]}', 400, None),
        ("POST", "/Users", person(displayName="x" * 30_000), 400, "invalidValue"),
        ("GET", "/Users?filter=userName%20eq", None, 400, "invalidFilter"),
        ("GET", "/Users?sortBy=userName", None, 501, None),
        ("POST", "/Bulk", {}, 501, None),
        ("DELETE", "/Users", None, 405, None),
        ("GET", "/Me", None, 501, None),
        ("GET", "/Nothing", None, 404, None),
    ):
        answer = send(method, path, body)
        assert (answer.status_code, answer.json()["schemas"]) == (status, error), (method, path, answer.content)
        assert answer.json()["status"] == str(status)
        assert kind is None or answer.json()["scimType"] == kind, answer.content


def test_finds_people_by_eq_and_in_pages(send: Send) -> None:
    ids = [
        send("POST", "/Users", person(f"p{number}", emails=email(f"p{number}@x.org"))).json()["id"]
        for number in range(5)
    ]
    for query, found in (
        ('userName eq "P3"', [3]),
        ('externalId eq "id-p2"', [2]),
        ('externalId eq "ID-p2"', []),
        (f'id eq "{ids[1]}"', [1]),
        ('id eq "no uuid"', []),
        ('userName eq "a\\u0000"', []),
        ('userName eq "\\ud800"', []),
        ('emails.value eq "p4@x.org"', [4]),
        ('emails[type eq "work" and value eq "p1@x.org"]', [1]),
        ('userName sw "p" and not (userName eq "p0")', [1, 2, 3, 4]),
    ):
        answer = send("GET", f"/Users?filter={query.replace(' ', '%20')}")
        assert [ids.index(each["id"]) for each in answer.json().get("Resources", [])] == found, query
    page = send("GET", "/Users?startIndex=2&count=2").json()
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (5, 2, 2)
    assert [each["id"] for each in page["Resources"]] == ids[1:3]
    assert send("GET", "/Users?count=0").json()["totalResults"] == 5
    assert send("GET", f"/Users?startIndex={10**30}").json()["totalResults"] == 5
    chosen = send("GET", "/Users?attributes=userName&count=1").json()["Resources"][0]
    assert set(chosen) == {"schemas", "id", "userName"}


def test_changes_reach_the_account(send: Send) -> None:
    made = send("POST", "/Users", person(emails=email("b@example.edu"))).json()
    path = f"/Users/{made['id']}"

    send("PATCH", path, patch({"op": "Replace", "path": 'emails[type eq "work"].value', "value": "new@example.edu"}))
    send("PATCH", path, patch({"op": "replace", "value": {"name.familyName": "Byron"}}))
    user = User.objects.get(username="bjensen")
    assert (user.email, user.last_name) == ("new@example.edu", "Byron")
    stale = send("PUT", path, person(), **{"If-Match": made["meta"]["version"]})
    assert stale.status_code == 412
    assert send("PUT", path, person("renamed")).json()["userName"] == "renamed"

    user.refresh_from_db()
    assert (user.username, user.email, user.last_name) == ("bjensen", "new@example.edu", "Jensen")
    make_user("other", email="taken@example.edu")
    assert send("PUT", path, person(emails=email("taken@example.edu"))).status_code == 409
    assert send("GET", path).json()["userName"] == "renamed"


def test_no_account_is_taken_over_by_an_address_or_a_name(send: Send, settings: Settings) -> None:
    local = make_user("local", email="local@example.edu")
    admin = make_user("boss", email="boss@example.edu", groups=("Admins",), password=None)
    linked = make_user("linked", email="linked@example.edu", password=None)
    SocialAccount.objects.create(user=linked, provider="other", uid="x")
    SocialAccount.objects.create(user=admin, provider=TRUSTED.id, uid="id-of-boss")
    for sent in (
        person("new1", emails=email("local@example.edu")),
        person("new1", emails=email("LOCAL@example.edu")),
        person("new2", emails=email("boss@example.edu")),
        person("new3", emails=email("linked@example.edu")),
        {**person("new4"), "externalId": "id-of-boss"},
        person("LOCAL"),
    ):
        assert send("POST", "/Users", sent).status_code == 409, sent
    assert not ScimUser.objects.exists()
    settings.IDENTITY_PROVIDERS = [type(TRUSTED)(id="uni", server="https://cas.example.edu")]
    make_user("invited", email="invited@example.edu", password=None)
    assert send("POST", "/Users", person("new5", emails=email("invited@example.edu"))).status_code == 409
    kelvin = send("POST", "/Users", person("new6", emails=email("mar\u212a@example.edu")))
    assert not User.objects.filter(email__startswith="mar").exists(), kelvin.content
    local.refresh_from_db()
    assert local.has_usable_password()


def test_known_accounts_are_linked_by_the_subject_and_by_an_address_that_counts(send: Send) -> None:
    by_subject = make_user("one", email="one@example.edu")
    SocialAccount.objects.create(user=by_subject, provider=TRUSTED.id, uid="id-ada")
    by_address = make_user("two", email="two@example.edu", password=None)

    assert send("POST", "/Users", person("ada", emails=email("evil@example.edu"))).status_code == 201
    assert send("POST", "/Users", person("bob", emails=email("two@example.edu"))).status_code == 201

    assert set(ScimUser.objects.values_list("person", flat=True)) == {by_subject.pk, by_address.pk}
    path = f"/Users/{ScimUser.objects.get(person=by_subject).pk}"
    send("PUT", path, person("ada", emails=email("other@example.edu")))
    by_subject.refresh_from_db()
    assert by_subject.email == "one@example.edu"  # it has a password, whose reset link goes to the address


@pytest.mark.parametrize("how", ["delete", "patch"])
def test_whoever_is_deactivated_leaves_and_comes_back(send: Send, how: str) -> None:
    made = send("POST", "/Users", person(emails=email("b@example.edu"))).json()
    for number in range(3):
        send("POST", "/Users", person(f"p{number}"))
    user, path = User.objects.get(username="bjensen"), f"/Users/{made['id']}"

    if how == "delete":
        assert send("DELETE", path).status_code == 204
        assert send("GET", path).status_code == 404
        assert send("GET", "/Users").json()["totalResults"] == 3
    else:
        off = patch({"op": "Replace", "path": "active", "value": "False"})  # as Entra ID sends it
        assert send("PATCH", path, off).status_code in (200, 204)
        assert send("GET", path).json()["active"] is False
    run_tasks()
    assert LeavingAccount.objects.waiting().get().person == user
    LeavingAccount.objects.update(warned_at=timezone.now() - timedelta(days=31))
    services.check_leaving()
    assert not User.objects.get(pk=user.pk).is_active

    if how == "delete":
        back = send("POST", "/Users", person(emails=email("b@example.edu")))
        assert (back.status_code, back.json().get("active")) == (201, None), back.content
    else:
        back = send("PATCH", path, patch({"op": "replace", "path": "active", "value": True}))
    assert back.status_code < 300
    assert send("GET", path).json().get("active") is not False
    assert User.objects.get(pk=user.pk).is_active
    assert not LeavingAccount.objects.exists()


def test_an_admin_s_deactivation_is_not_undone_and_all_at_once_stop(send: Send) -> None:
    path = f"/Users/{send('POST', '/Users', person(active=False)).json()['id']}"
    User.objects.filter(username="bjensen").update(is_active=False)
    send("PATCH", path, patch({"op": "replace", "path": "active", "value": True}))
    assert send("GET", path).json()["active"] is False
    assert not User.objects.get(username="bjensen").is_active
    for number in range(4):
        send("POST", "/Users", person(f"p{number}", active=False))
    run_tasks()
    assert not LeavingAccount.objects.exists()


def test_what_an_admin_did_is_not_taken_for_the_words_of_the_client(send: Send) -> None:
    paths = {name: f"/Users/{send('POST', '/Users', person(name)).json()['id']}" for name in ("here", "left", "p", "q")}
    User.objects.filter(username__in=("here", "left")).update(is_active=False)

    renamed = patch({"op": "replace", "path": "displayName", "value": "Renamed"})
    assert send("PATCH", f"{paths['here']}?attributes=active", renamed).json()["active"] is False
    assert send("PUT", paths["here"], person("here", displayName="Renamed", active=True)).json()["active"] is False
    assert send("PATCH", paths["left"], patch({"op": "replace", "path": "active", "value": False})).status_code < 300
    User.objects.update(is_active=True)
    services.check_leaving()

    assert LeavingAccount.objects.get().person.username == "left"


def test_an_account_that_another_client_provisions_is_not_linked(send: Send, settings: Settings) -> None:
    other = ScimClient.objects.create(provider="other", digest="x")
    theirs = make_user("theirs", email="ada@example.edu", password=None)
    ScimUser.objects.create(client=other, person=theirs, user_name="theirs")

    assert send("POST", "/Users", person("ada", emails=email("ada@example.edu"))).status_code == 409


def test_an_anonymised_person_is_not_found_any_more(send: Send) -> None:
    path = f"/Users/{send('POST', '/Users', person()).json()['id']}"
    anonymise(person=User.objects.get(username="bjensen"), actor=Actor())

    assert send("GET", path).status_code == 404
