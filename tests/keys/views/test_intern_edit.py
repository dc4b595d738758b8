"""A supervisor corrects the name and the e-mail address of an intern."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from keys.models import Intern
from tests.conftest import signed_in
from tests.factories import make_staff
from tests.keys.views.pages import assert_form, assert_only, words_of


@pytest.fixture
def ada(staff: User, intern: User) -> Intern:
    """Make an intern of the staff member's, who has an account."""
    return Intern.objects.create(supervisor=staff, name="Ada", email="ada@example.edu", account=intern)


def edit_of(intern: Intern) -> str:
    return reverse("keys:intern_edit", args=[intern.pk])


def test_shows_the_current_values(as_staff: Client, ada: Intern, way: dict[str, str]) -> None:
    response = as_staff.get(edit_of(ada), headers=way)

    assert_form(response, way, "keys-panel")
    assert 'value="ada@example.edu"' in response.content.decode()


def test_changes_both_and_the_audit_entry_names_the_fields_only(as_staff: Client, staff: User, ada: Intern) -> None:
    form = {"name": "  Ada   Lovelace ", "email": "Ada.L@Example.edu"}

    for _ in range(2):  # a second click changes nothing more
        answer = as_staff.post(edit_of(ada), form, follow=True)

    ada.refresh_from_db()
    assert (ada.name, ada.email) == ("Ada Lovelace", "ada.l@example.edu")
    assert answer.redirect_chain == [(reverse("keys:intern", args=[ada.pk]), 302)]
    entry = AuditEntry.objects.get(action="change", object_kind="intern")
    assert (entry.actor, entry.subject, entry.remark) == (staff, staff, "name, e-mail.")
    assert "example.edu" not in str(entry.details)


def test_another_address_unlinks_the_account(as_staff: Client, intern: User, ada: Intern) -> None:
    as_staff.post(edit_of(ada), {"name": "Ada Lovelace", "email": "ada@example.edu"})
    assert Intern.objects.get().account == intern

    as_staff.post(edit_of(ada), {"name": "Ada Lovelace", "email": "a.lovelace@example.edu"})
    assert Intern.objects.get().account is None  # the next sign-in with a verified address finds it


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": "", "email": "ada@example.edu"}, "This field is required."),
        ({"name": "sk-0123456789abcdef0123", "email": ""}, "This looks like the secret of a key."),
        ({"name": "A\u202eda", "email": ""}, "invisible characters"),
        ({"name": "Ada", "email": "nowhere"}, "Enter a valid email address."),
        ({"name": "Ada", "email": "GRACE@example.edu"}, "Another intern of the same supervisor has this e-mail"),
        ({"name": "grace", "email": ""}, "Another intern of the same supervisor has this name."),
    ],
)
def test_refuses_a_duplicate_intern(
    as_staff: Client, staff: User, ada: Intern, form: dict[str, str], words: str
) -> None:
    Intern.objects.create(supervisor=staff, name="Grace", email="grace@example.edu")

    answer = as_staff.post(edit_of(ada), form)

    assert answer.status_code == 422
    assert words in words_of(answer)
    assert Intern.objects.filter(name="Ada", email="ada@example.edu").exists()
    assert not AuditEntry.objects.filter(action="change").exists()


def test_an_intern_of_another_supervisor_is_no_duplicate(as_staff: Client, ada: Intern) -> None:
    Intern.objects.create(supervisor=make_staff("other"), name="Grace", email="grace@example.edu")

    assert as_staff.post(edit_of(ada), {"name": "Grace", "email": "grace@example.edu"}).status_code == 302


def test_is_for_the_supervisor_only(ada: Intern, as_intern: Client, as_admin: Client) -> None:
    for stranger in (as_intern, as_admin, signed_in(make_staff("other"))):
        assert stranger.get(edit_of(ada)).status_code == 404
        assert stranger.post(edit_of(ada), {"name": "Eve", "email": ""}).status_code == 404
    assert Intern.objects.get().name == "Ada"


def test_accepts_get_and_post_only(as_staff: Client, ada: Intern) -> None:
    assert_only(as_staff, edit_of(ada), "get", "post")
