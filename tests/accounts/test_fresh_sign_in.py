"""A recent sign-in before actions that do much; what was typed is not lost."""

import re
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.http import QueryDict
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.fresh import SIGNED_IN_AT, is_fresh
from accounts.fresh_views import confirm
from accounts.models import AccessToken, Policy, SignIn, User
from tests.accounts.institution import Institution
from tests.accounts.signing_in import SignIn as SignInForm
from tests.accounts.visits import LOGIN, come_back
from tests.factories import PASSWORD, make_intern
from web.sessions import SessionStore

pytestmark = pytest.mark.django_db
TOKEN = {"name": "backup & more", "scopes": ["usage:read", "keys:write"], "days": "30"}


@pytest.fixture(autouse=True)
def minutes(settings: Settings) -> None:
    settings.FRESH_SIGN_IN_MINUTES = 15


@pytest.fixture
def browser(manager: User, sign_in: SignInForm, client: Client) -> Client:
    sign_in("manager")
    return client


def grow_old(browser: Client) -> None:
    """Let the sign-in be an hour ago."""
    session = browser.session
    session[SIGNED_IN_AT] -= 3600
    session.save()


def fields_in(page: Any) -> dict[str, list[str]]:
    """Return what the page keeps of the form."""
    found: dict[str, list[str]] = {}
    section = page.content.decode().partition('class="ps-narrow"')[2].partition("</section>")[0]
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', section):
        found.setdefault(unescape(name), []).append(unescape(value))
    return {name: values for name, values in found.items() if name != "csrfmiddlewaretoken"}


def test_a_form_waits_for_the_password_and_is_sent_with_it(browser: Client, manager: User) -> None:
    assert browser.post(reverse("api:tokens"), TOKEN).status_code == 201
    grow_old(browser)

    asked = browser.post(reverse("api:tokens"), TOKEN)

    assertContains(asked, "Confirm that it is you", status_code=403)
    kept = fields_in(asked)
    assert kept == {"name": ["backup & more"], "scopes": ["usage:read", "keys:write"], "days": ["30"]}
    wrong = browser.post(reverse("api:tokens"), kept | {"fresh_password": "wrong"})
    assertContains(wrong, "not your current password", status_code=422)
    assertNotContains(wrong, 'value="wrong"', status_code=422)
    assert fields_in(wrong) == kept
    assert SignIn.objects.get(outcome="password").user == manager
    assert AccessToken.objects.count() == 1
    assert browser.post(reverse("api:tokens"), kept | {"fresh_password": PASSWORD}).status_code == 201
    assert AccessToken.objects.count() == 2
    assert browser.post(reverse("api:tokens"), TOKEN).status_code == 201  # fresh again


def test_reading_and_small_actions_are_not_asked_for(browser: Client) -> None:
    grow_old(browser)

    assert browser.post(reverse("api:tokens"), TOKEN | {"scopes": ["usage:read"]}).status_code == 201
    assert browser.get(reverse("people:change_default_policy")).status_code == 200
    assert browser.post(reverse("account_locale"), {"language": "en", "time_zone": ""}).status_code == 302


def test_every_action_that_does_much_is_marked(browser: Client, settings: Settings) -> None:
    person, group = make_intern("ada"), Group.objects.get(name="Interns")
    grow_old(browser)
    of_person = ("deactivate", "anonymise", "reset_second_factor")
    of_group = ("change_policy", "rename_group", "delete_group", "add_members", "remove_members")
    addresses = {
        **{name: reverse(f"people:{name}", args=[person.pk]) for name in of_person},
        **{name: reverse(f"people:{name}", args=[group.pk]) for name in of_group},
        **{name: reverse(f"people:{name}") for name in ("new_group", "change_default_policy")},
        **{name: reverse(name) for name in ("account_email", "account_totp", "account_add_security_key")},
        "codes": reverse("account_recovery_codes"),
        "remove": reverse("account_remove_factor", args=[1]),
        "admin": reverse("admin:accounts_user_change", args=[person.pk]),
        "scim": reverse("scim:secret", args=["uni"]),
        "webhooks": reverse("webhooks:index"),
        "webhook": reverse("webhooks:webhook", args=[uuid4()]),
    }
    before = Policy.objects.count()

    statuses = {name: browser.post(address, {"name": "x"}).status_code for name, address in addresses.items()}
    bulk = {name: {"action": name, "people": str(person.pk)} for name in ("deactivate", "group", "stay")}
    invitation = {"people": "bo@example.edu", "groups": [group.pk]}

    assert statuses == dict.fromkeys(addresses, 403)
    for name in ("deactivate", "group"):
        assertContains(browser.post(reverse("people:bulk"), bulk[name]), "Confirm that", status_code=403)
    assertNotContains(browser.post(reverse("people:bulk"), bulk["stay"]), "Confirm that", status_code=422)
    assert browser.post(reverse("people:invite"), {**invitation, "step": "preview"}).status_code == 200
    assert browser.post(reverse("people:invite"), {**invitation, "step": "send"}).status_code == 403
    person.refresh_from_db()
    assert person.is_active
    assert Policy.objects.count() == before
    settings.FRESH_SIGN_IN_MINUTES = 0
    assert browser.post(addresses["deactivate"]).status_code == 302


def test_the_password_does_not_reach_the_view(manager: User, rf: RequestFactory) -> None:
    request = rf.post("/", {"fresh_password": PASSWORD, "name": "x"})
    request.user, request.session = manager, SessionStore()

    assert confirm(request, manager) is None

    assert request.POST.dict() == {"name": "x"}
    assert is_fresh(request)


def test_nor_does_that_of_a_second_click(browser: Client) -> None:
    answers = [browser.post(reverse("api:tokens"), {"fresh_password": PASSWORD}) for _click in range(2)]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert all("fresh_password" not in answer.wsgi_request.POST for answer in answers)


def test_attempts_are_limited(browser: Client) -> None:
    grow_old(browser)

    statuses = [
        browser.post(reverse("people:new_group"), {"fresh_password": f"wrong {number}"}).status_code
        for number in range(11)
    ]

    assert statuses == [422] * 10 + [429]
    assert browser.post(reverse("people:new_group"), {"fresh_password": PASSWORD}).status_code == 429


def arrive(client: Client, institution: Institution) -> User:
    """Sign in as a person of the institution who manages people."""
    institution.knows("u1", preferred_username="ada", email="ada@example.edu")
    come_back(client)
    ada = User.objects.get(username="ada")
    ada.groups.add(Group.objects.get(name="Admins"))
    return ada


def test_a_form_survives_the_way_to_the_institution(client: Client, institution: Institution) -> None:
    ada = arrive(client, institution)
    grow_old(client)
    asked = client.post(f"{reverse('api:tokens')}?a=1", TOKEN)
    assertContains(asked, "Sign in with Example University", status_code=403)
    assertNotContains(asked, "fresh_password", status_code=403)
    kept = {name: values[0] for name, values in fields_in(asked).items()}
    sent = client.post(reverse("account_confirm_identity"), kept)
    assert "backup" not in str(dict(client.session))
    assert "prompt=login&max_age=0" in client.get(sent["Location"])["Location"]

    back = come_back(client, sent["Location"])

    assertRedirects(back, reverse("account_confirm_identity"), fetch_redirect_response=False)
    page = client.get(reverse("account_confirm_identity"))
    assert not AccessToken.objects.exists()
    assertContains(page, f'action="{reverse("api:tokens")}?a=1"')
    assert client.post(f"{reverse('api:tokens')}?a=1", fields_in(page)).status_code == 201
    assert AccessToken.objects.get().owner == ada
    assert client.get(reverse("account_confirm_identity")).status_code == 302


def test_a_list_of_many_people_is_kept(client: Client, institution: Institution) -> None:
    arrive(client, institution)
    people = "\n".join(
        f"Somebody With A Long Name {n}, somebody.with.a.long.name.{n}@students.example.edu" for n in range(2000)
    )
    form = QueryDict(mutable=True)
    form.update({"people": people, "step": "send"})
    sent = {"provider": "institution", "address": reverse("people:invite"), "form": form.urlencode()}

    assert client.post(reverse("account_confirm_identity"), sent).status_code == 302
    page = client.get(reverse("account_confirm_identity"))
    assert fields_in(page)["people"] == [people]


def test_somebody_else_who_comes_back_gets_no_form(client: Client, institution: Institution) -> None:
    arrive(client, institution)
    form = {"provider": "institution", "address": reverse("api:tokens"), "form": "name=x"}
    sent = client.post(reverse("account_confirm_identity"), form)
    institution.knows("u2", preferred_username="bo", email="bo@example.edu")

    come_back(client, sent["Location"])

    assert client.get(reverse("account_confirm_identity"))["Location"] == reverse("keys:index")


def test_an_old_sign_in_at_the_institution_is_not_fresh(client: Client, institution: Institution) -> None:
    institution.id_token_claims = {"auth_time": 1_600_000_000}
    arrive(client, institution)

    assert client.post(reverse("api:tokens"), TOKEN).status_code == 403


def test_a_sign_in_for_which_the_institution_may_not_have_asked_is_not_fresh(
    client: Client, institution: Institution
) -> None:
    arrive(client, institution)

    assert client.post(reverse("api:tokens"), TOKEN).status_code == 403
    come_back(client, f"{LOGIN}?fresh=1")
    assert client.post(reverse("api:tokens"), TOKEN).status_code == 201


@pytest.mark.parametrize(
    "change",
    [
        {"address": "https://evil.example.org/"},
        {"provider": "nobody"},
        {"form": "x" * 300_001},
    ],
)
def test_forged_forms_are_refused(client: Client, institution: Institution, change: dict[str, str]) -> None:
    arrive(client, institution)
    form = {"provider": "institution", "address": reverse("api:tokens"), "form": "name=x"}

    assert client.post(reverse("account_confirm_identity"), form | change).status_code == 404
