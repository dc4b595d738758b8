"""The page to hand an intern over: find somebody, read what moves, confirm."""

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import User
from keys import services
from keys.models import Intern, Key
from tests.conftest import signed_in
from tests.factories import change_policies, make_intern, make_staff
from tests.keys.actions import again, issue
from tests.keys.views.pages import assert_form, assert_only, words_of
from tests.sandbox_process import Sandbox
from tests.usage.views.facts import key_of

LONG = "Bartholomäus-Maximilian von Hohenfels-Schwarzenberg-Lange"


@pytest.fixture
def ada(staff: User) -> Intern:
    """Make an intern of the staff member's."""
    return Intern.objects.create(supervisor=staff, name="Ada", email="ada@example.edu")


@pytest.fixture
def other() -> User:
    """Make another member of staff."""
    return make_staff("kdoe", first_name="Kim", last_name="Doe-Smith", email="k.doe@example.edu")


def page_of(intern: Intern) -> str:
    return reverse("keys:intern_hand_over", args=[intern.pk])


@pytest.mark.parametrize("sought", ["kim", "  SMITH   kim ", "k.doe@ex", "kdoe"])
def test_finds_supervisors_by_name_or_address(as_staff: Client, ada: Intern, other: User, sought: str) -> None:
    make_intern("kimberly")  # who may not

    page = as_staff.get(page_of(ada), {"q": sought})

    assert list(page.context["found"]) == [other]
    assert "What moves:" in words_of(page)


@pytest.mark.parametrize("sought", ["", " ", "nobody of this name", "staff", "a\0b", "x" * 5000, "%"])
def test_finds_nobody_else(as_staff: Client, ada: Intern, other: User, sought: str) -> None:
    page = as_staff.get(page_of(ada), {"q": sought})

    assert page.status_code == 200
    assert list(page.context["found"]) == []
    assert "What moves:" not in words_of(page)


def test_the_intern_and_inactive_people_are_not_found(as_staff: Client, ada: Intern) -> None:
    Intern.objects.update(account=make_staff("kim1"))
    make_staff("kim2", is_active=False)

    assert list(as_staff.get(page_of(ada), {"q": "kim"}).context["found"]) == []


def test_shows_ten_at_most_and_says_so(as_staff: Client, ada: Intern) -> None:
    for number in range(12):
        make_staff(f"kim{number}", last_name=LONG)

    page = as_staff.get(page_of(ada), {"q": "kim"})

    assert len(page.context["found"]) == services.MAX_SHOWN
    assert "There may be more" in words_of(page)


def test_hands_over_and_notifies_both(
    as_staff: Client, staff: User, ada: Intern, other: User, sandbox: Sandbox, way: dict[str, str]
) -> None:
    User.objects.filter(pk=staff.pk).update(email="staff@example.edu")
    fresh = issue(staff, intern=ada)
    assert "1 key of this intern: thesis" in words_of(as_staff.get(page_of(ada), {"q": "kim"}))

    answer = as_staff.post(page_of(ada), {"q": "kim", "supervisor": other.pk}, headers=way, follow=True)
    services.mail_of_handover(str(ada.pk), staff.pk, other.pk, staff.pk, "2026-11-29T10:00:00+00:00")

    assert f"{other.display_name} is now the supervisor of Ada." in words_of(answer)
    assert answer.redirect_chain == [(reverse("usage:interns"), 302)]
    assert again(fresh.key).owner == other
    assert sorted(message.to[0] for message in mail.outbox) == ["ada@example.edu", "k.doe@example.edu"]
    to_other = next(message for message in mail.outbox if message.to == ["k.doe@example.edu"])
    assert reverse("keys:intern", args=[ada.pk]) in to_other.body
    page = words_of(signed_in(other).get(reverse("keys:intern", args=[ada.pk])))
    assert "thesis" in page
    assert "Handed over to another supervisor" in page
    assert as_staff.get(reverse("keys:intern", args=[ada.pk])).status_code == 404
    assert as_staff.get(reverse("keys:detail", args=[fresh.key.pk])).status_code == 404


def test_an_admin_hands_over_and_the_former_supervisor_has_a_mail_too(
    as_admin: Client, admin: User, staff: User, ada: Intern, other: User, sandbox: Sandbox
) -> None:
    User.objects.filter(pk=staff.pk).update(email="staff@example.edu")
    assert page_of(ada) in as_admin.get(reverse("admin:keys_intern_changelist")).content.decode()

    answer = as_admin.post(page_of(ada), {"q": "kim", "supervisor": other.pk})
    services.mail_of_handover(str(ada.pk), staff.pk, other.pk, admin.pk, "2026-11-29T10:00:00+00:00")

    assert answer.headers["Location"] == reverse("admin:keys_intern_changelist")
    assert Intern.objects.get().supervisor == other
    to = sorted(message.to[0] for message in mail.outbox)
    assert to == ["ada@example.edu", "k.doe@example.edu", "staff@example.edu"]
    deleted = User.objects.latest("pk").pk + 1
    assert services.mail_of_handover(str(ada.pk), deleted, other.pk, admin.pk, "2026-11-29T10:00:00+00:00") == 0


def test_an_unavailable_gateway_is_reported_to_the_new_supervisor_too(
    as_staff: Client, staff: User, ada: Intern, other: User, sandbox: Sandbox
) -> None:
    key = issue(staff, intern=ada).key
    sandbox.faults("/key/update", "error", status=503)

    answer = as_staff.post(page_of(ada), {"q": "kim", "supervisor": other.pk}, follow=True)

    assert "1 key follows" in words_of(answer)
    page = reverse("keys:intern", args=[ada.pk])
    assert "1 key is still being handed over to you." in words_of(signed_in(other).get(page))
    detail = as_staff.get(reverse("keys:detail", args=[key.pk])).content.decode()
    assert page not in detail
    services.sweep_keys()
    assert "still being handed over" not in words_of(signed_in(other).get(page))


def test_pages_of_what_stayed_do_not_lead_to_the_intern(
    as_staff: Client, staff: User, ada: Intern, other: User
) -> None:
    key = key_of(staff, "old", intern=ada, state=Key.State.DELETED)
    page = reverse("keys:intern", args=[ada.pk])
    assert page in as_staff.get(reverse("keys:detail", args=[key.pk])).content.decode()
    Intern.objects.update(supervisor=other)

    detail = as_staff.get(reverse("keys:detail", args=[key.pk]))

    assert "Ada" in words_of(detail)
    for shown in (detail, as_staff.get("/"), as_staff.get(reverse("usage:interns"))):
        assert str(ada.pk) not in shown.content.decode()


@pytest.mark.parametrize("chosen", ["", "0", "x", "99999999999999999999", "staff"])
def test_somebody_who_was_not_found_is_refused(
    as_staff: Client, staff: User, ada: Intern, other: User, chosen: str
) -> None:
    supervisor = str(staff.pk) if chosen == "staff" else chosen

    answer = as_staff.post(page_of(ada), {"q": "kim", "supervisor": supervisor})

    assert answer.status_code == 422
    assert Intern.objects.get().supervisor == staff


def test_a_refusal_is_said(as_staff: Client, staff: User, ada: Intern, other: User, way: dict[str, str]) -> None:
    Intern.objects.create(supervisor=other, name="A. L.", email=ada.email)

    answer = as_staff.post(page_of(ada), {"q": "kim", "supervisor": other.pk}, headers=way)

    assert answer.status_code == 422
    assert "This person has an intern with this e-mail address already." in words_of(answer)
    assert_form(as_staff.get(page_of(ada), headers=way), way, "keys-panel")


def test_is_for_the_supervisor_and_admins_only(
    ada: Intern, other: User, as_intern: Client, intern: User, client: Client
) -> None:
    Intern.objects.update(account=intern)
    change_policies(may_name_interns=True)

    for stranger in (as_intern, signed_in(other)):
        assert stranger.get(page_of(ada), {"q": "kim"}).status_code == 404
        assert stranger.post(page_of(ada), {"q": "kim", "supervisor": other.pk}).status_code == 404
    assert client.get(page_of(ada)).status_code == 302
    assert Intern.objects.get().supervisor != other


def test_accepts_get_and_post_only(as_staff: Client, ada: Intern) -> None:
    assert_only(as_staff, page_of(ada), "get", "post")
