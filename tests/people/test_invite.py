"""Inviting people: the preview, the result, and that it happens once."""

from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AuditAction, AuditEntry, Invitation, User
from keys.models import Intern
from people.services import invite as invite_service
from tests.conftest import signed_in
from tests.factories import make_intern, make_staff, make_user
from tests.keys.views.pages import words_of
from tests.people.conftest import with_permissions

INVITE = reverse("people:invite")


def post(browser: Client, text: str, step: str = "send", **more: Any) -> Any:
    return browser.post(INVITE, {"people": text, "step": step, **more})


def invited() -> list[str]:
    return sorted(Invitation.objects.values_list("person__email", flat=True))


def test_says_first_what_happens_to_each_line_and_writes_nothing(as_manager: Client, staff: User) -> None:
    make_intern("known", email="known@example.edu")
    text = "\n".join(
        [
            "Ada Lovelace;ada@example.edu;Interns;staff;2030-12-31",
            "Known;known@example.edu",
            "Ada again;ada@example.edu",
            "No address;",
            "Odd;odd@@example.edu",
            "Nobody;nobody@example.edu;No such group",
            "Lost;lost@example.edu;;nobody",
            "Late;late@example.edu;;staff;2020-01-01",
            "Alone;alone@example.edu;;;2030-12-31",
            "Led;led@example.edu;;known",
        ]
    )
    before = User.objects.count(), AuditEntry.objects.count()

    response = post(as_manager, text, "preview")

    page = words_of(response)
    assert response.status_code == 200
    for words in (
        "Invite 1 person? 1 has an account already. 8 lines are left out.",
        "1 Ada Lovelace ada@example.edu Is invited Interns Staff B stays until 31 Dec 2030",
        "2 Known known@example.edu Has an account: nothing changes",
        "3 Ada again ada@example.edu Is left out The same address is on line 1.",
        "There is no e-mail address.",
        "“odd@@example.edu” is no e-mail address.",
        "There is no group “No such group”.",
        "There is no supervisor “nobody”.",
        "The end of the stay is in the past.",
        "An end of stay needs a supervisor.",
        "“known” may not have interns.",
    ):
        assert words in page, words
    assert (User.objects.count(), AuditEntry.objects.count()) == before


def test_makes_accounts_with_groups_intern_and_trail_and_no_password(as_manager: Client, staff: User) -> None:
    chosen = Group.objects.get_or_create(name="Interns")[0]
    Group.objects.create(name="Night owls")
    text = "Ada Lovelace;ADA@example.edu;night OWLS;Staff B;2030-12-31\nben@example.edu"

    response = post(as_manager, text, groups=[chosen.pk])

    assert response["Location"] == f"{reverse('people:index')}?state=invited&order=-joined"
    ada, ben = User.objects.get(email="ada@example.edu"), User.objects.get(email="ben@example.edu")
    assert (ada.get_full_name(), ada.username, ben.username) == ("Ada Lovelace", "ada", "ben")
    assert sorted(ada.groups.values_list("name", flat=True)) == ["Interns", "Night owls"]
    assert not any(person.has_usable_password() for person in (ada, ben))
    assert list(Intern.objects.values_list("name", "email", "supervisor", "account", "stay_ends_on")) == [
        ("Ada Lovelace", "ada@example.edu", staff.pk, ada.pk, date(2030, 12, 31))
    ]
    entries = AuditEntry.objects.filter(object_kind="person", action=AuditAction.INVITE)
    assert {entry.subject_id for entry in entries} == {ada.pk, ben.pk}
    assert entries.get(subject=ada).actor == User.objects.get(username="manager")
    page = words_of(as_manager.get(response["Location"]))
    assert "2 people are invited. The mails are on their way." in page
    assert page.count("Invited, not yet signed in") >= 2


def test_a_second_click_makes_nobody_twice(as_manager: Client) -> None:
    post(as_manager, "a@example.edu\nb@example.edu")

    again = post(as_manager, "a@example.edu\nb@example.edu")

    assert again.status_code == 409
    assert "Nobody was invited." in words_of(again)
    assert AuditEntry.objects.filter(action=AuditAction.INVITE).count() == 2


def test_whoever_has_an_account_is_left_as_they_are(as_manager: Client, staff: User) -> None:
    group = Group.objects.create(name="Night owls")

    post(as_manager, f"Other Name;{staff.email.upper()}\nnew@example.edu", groups=[group.pk])

    staff.refresh_from_db()
    assert staff.first_name == "Staff B"
    assert not staff.groups.filter(pk=group.pk).exists()
    assert invited() == ["new@example.edu"]


def test_user_names_are_free_and_never_addresses(as_manager: Client) -> None:
    make_user("ada", email="other@example.edu")

    post(as_manager, "Ada@one.example\nada@two.example\n!#$@example.edu\n'quo te'@example.edu\nada+x@example.edu")

    names = dict(Invitation.objects.values_list("person__email", "person__username"))
    assert names == {
        "ada@one.example": "ada2",
        "ada@two.example": "ada3",
        "!#$@example.edu": "user",
        "ada+x@example.edu": "ada+x",
    }


def test_nobody_gives_more_than_they_have(db: None) -> None:
    secretary = signed_in(with_permissions("secretary", "manage_people"))
    admins = Group.objects.get(name="Admins")

    page = words_of(post(secretary, "Eve;eve@example.edu;Admins", "preview"))
    chosen = post(secretary, "eve@example.edu", groups=[admins.pk])

    assert "You cannot give the group “Admins”: it has more rights than you." in page
    assert chosen.status_code == 422
    assert invited() == []


def test_an_intern_of_the_supervisor_gets_the_account_and_no_second_row(as_manager: Client, staff: User) -> None:
    intern = Intern.objects.create(supervisor=staff, name="Zoë", email="zoe@example.edu")

    post(as_manager, "Zoë;zoe@example.edu;;staff")

    assert Intern.objects.get() == intern
    assert Intern.objects.get().account == User.objects.get(email="zoe@example.edu")


def test_a_file_counts_as_what_is_pasted_does(as_manager: Client) -> None:
    file = SimpleUploadedFile("list.csv", "Prénom;Nom;E-mail\r\nZoë;Durand;zoe@example.edu\r\n".encode("cp1252"))

    page = post(as_manager, "", "preview", file=file)

    assert "Zoë Durand zoe@example.edu Is invited" in words_of(page)
    assert "Zoë;Durand;zoe@example.edu" in page.content.decode()
    for name, content in {"list.xlsx": b"PK\x03\x04\0\0", "empty.csv": b""}.items():
        refused = post(as_manager, "", "preview", file=SimpleUploadedFile(name, content))
        assert refused.status_code == 422, name


def test_the_list_comes_back_to_be_changed(as_manager: Client) -> None:
    response = post(as_manager, "Ada;nonsense", "edit")

    assert response.status_code == 200
    assert "Ada;nonsense" in response.content.decode()


def test_odd_forms_are_refused_in_words(as_manager: Client) -> None:
    for data in (
        {},
        {"step": "send"},
        {"people": "\0a@example.edu", "step": "send"},
        {"people": "a@example.edu", "groups": "x", "step": "send"},
        {"people": "a@example.edu", "groups": "99999", "step": "send"},
        {"people": 'a;"b', "step": "preview"},
        {"people": "a@example.edu\n" * 501, "step": "preview"},
    ):
        assert as_manager.post(INVITE, data).status_code == 422, data
    assert invited() == []


def test_limits_the_hourly_number_of_invitations(as_manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invite_service, "MAX_AN_HOUR", 2)

    refused = post(as_manager, "a@example.edu\nb@example.edu\nc@example.edu")

    assert refused.status_code == 429
    assert invited() == []
    assert post(as_manager, "a@example.edu\nb@example.edu").status_code == 302


def test_limits_the_hourly_number_of_lists(as_manager: Client, settings: Settings) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 1
    post(as_manager, "a@example.edu")

    assert post(as_manager, "b@example.edu").status_code == 429
    assert invited() == ["a@example.edu"]


def test_planning_many_asks_no_more_than_planning_few(as_manager: Client, staff: User) -> None:
    def queries(number: int) -> int:
        text = "\n".join(f"Name {n};n{n}@example.edu;Interns;staff" for n in range(number))
        with CaptureQueriesContext(connection) as context:
            assert post(as_manager, text, "preview").status_code == 200
        return len(context)

    make_staff("other")
    assert queries(3) == queries(60)


def test_a_line_costs_six_queries_at_most(as_manager: Client, staff: User) -> None:
    def queries(name: str, number: int) -> int:
        with CaptureQueriesContext(connection) as context:
            post(as_manager, "\n".join(f"{name};{name}{each}@example.edu;Interns;staff" for each in range(number)))
        return len(context)

    few, many = queries("ada", 2), queries("ben", 12)

    assert len(invited()) == 14
    assert many - few <= 6 * 10


def test_nobody_with_rights_is_invited_by_the_institutions_sign_in(as_manager: Client, settings: Settings) -> None:
    settings.OIDC_ISSUER = "https://sso.example.edu"
    for group, sign_in, expected in (
        ("Admins", "institution", 0),
        ("Interns", "institution", 1),
        ("Admins", "password", 1),
    ):
        address = f"{group}.{sign_in}@example.edu".lower()
        page = words_of(post(as_manager, f"Ada;{address};{group}", "preview", sign_in=sign_in))
        assert ("“Admins” gives rights: invite this person with a password." in page) == (not expected)

        post(as_manager, f"Ada;{address};{group}", sign_in=sign_in)

        assert User.objects.filter(email=address).count() == expected


def test_an_intern_without_a_name_is_called_by_as_much_of_the_user_name_as_fits(
    as_manager: Client, staff: User
) -> None:
    address = "a" * 60 + "." + "b" * 59 + "@example.edu"

    post(as_manager, f"name;email;supervisor\n;{address};staff")

    assert len(Intern.objects.get(email=address).name) == 100


def test_an_end_of_stay_that_is_not_that_of_the_intern_is_not_passed_over(as_manager: Client, staff: User) -> None:
    Intern.objects.create(supervisor=staff, name="Ada", email="ada@example.edu", stay_ends_on=date(2031, 1, 31))

    page = words_of(post(as_manager, "Ada;ada@example.edu;;staff;2030-12-31", "preview"))
    post(as_manager, "Ada;ada@example.edu;;staff;2031-01-31")

    assert "with another end of stay: change it there first" in page
    assert Intern.objects.get().account == User.objects.get(email="ada@example.edu")


def test_an_account_that_was_closed_after_all_is_opened_by_no_list(as_manager: Client) -> None:
    post(as_manager, "ada@example.edu")
    ada = User.objects.get(email="ada@example.edu")
    for action in ("withdraw", "activate", "deactivate"):
        assert as_manager.post(reverse(f"people:{action}", args=[ada.pk])).status_code == 302

    post(as_manager, "ada@example.edu")

    ada.refresh_from_db()
    assert not ada.is_active
