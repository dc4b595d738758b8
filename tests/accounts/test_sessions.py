"""The sessions of a person: which there are, and how they end."""

import pytest
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts import sessions
from accounts.audit import BY_THE_PORTAL
from accounts.models import AccessToken, AuditEntry, SignIn, User
from api.services.tokens import create_token
from tests.accounts.signing_in import is_signed_in
from tests.factories import PASSWORD, make_intern

pytestmark = pytest.mark.django_db
OWN = "account_sign_ins"
OTHERS = "account_end_other_sessions"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)


def browser(login: str, agent: str = FIREFOX) -> Client:
    """Sign in with a browser of this name."""
    client = Client(headers={"User-Agent": agent})
    client.post(reverse("account_login"), {"login": login, "password": PASSWORD})
    return client


@pytest.fixture
def ada(db: None) -> User:
    return make_intern("ada")


def test_lists_devices_and_ends_one(ada: User) -> None:
    here, phone = browser("ada"), browser("ada", SAFARI)
    page = here.get(reverse(OWN))
    for words in ("Firefox on Windows", "Safari on iPhone", "This session"):
        assertContains(page, words, count=1)
    theirs = SignIn.objects.get(system="iPhone")

    answer = here.post(reverse("account_end_session", args=[theirs.pk]), follow=True)

    assertContains(answer, "The session is ended.")
    assertNotContains(answer, "Safari on iPhone")
    assert (is_signed_in(here), is_signed_in(phone)) == (True, False)
    assert AuditEntry.objects.get(subject=ada).sentence.startswith("Session ended by Intern A")


def test_ends_all_others_of_this_person_also_those_that_are_not_listed(ada: User) -> None:
    make_intern("other")
    here, listed, other = browser("ada"), browser("ada"), browser("other")
    unlisted = Client()
    unlisted.force_login(ada)

    assertContains(here.post(reverse(OTHERS), follow=True), "2 sessions are ended.")

    assert [is_signed_in(client) for client in (here, listed, unlisted, other)] == [True, False, False, True]
    assert here.get(reverse(OTHERS)).status_code == 405


def test_nobody_ends_the_session_of_another_person(ada: User) -> None:
    make_intern("other")
    hers, other = browser("ada"), browser("other")
    sign_in = SignIn.objects.get(user=ada)

    assert other.post(reverse("account_end_session", args=[sign_in.pk])).status_code == 404
    assertNotContains(other.get(reverse(OWN)), f"/sessions/{sign_in.pk}/")
    assert is_signed_in(hers)


def test_a_session_stays_listed_under_its_new_key_after_a_new_password(ada: User) -> None:
    here, there = browser("ada"), browser("ada", SAFARI)
    form = {"oldpassword": PASSWORD, "password1": "a good long one", "password2": "a good long one"}
    assert here.post(reverse("account_change_password"), form).status_code == 302

    assertContains(here.get(reverse(OWN)), "This session")
    assert not is_signed_in(there)


def test_last_use_is_written_once_in_some_minutes(ada: User) -> None:
    here = browser("ada")
    here.get(reverse(OWN))
    SignIn.objects.update(last_use_at=None)
    here.get(reverse(OWN))
    assert SignIn.objects.get().last_use_at is None
    sessions.noted.clear()

    here.get(reverse(OWN))

    assert SignIn.objects.get().last_use_at


def test_too_many_are_refused(ada: User) -> None:
    here = browser("ada")

    statuses = {here.post(reverse(OTHERS)).status_code for _ in range(61)}

    assert statuses == {302, 429}


def test_names_what_a_browser_calls_itself() -> None:
    for agent, expected in (
        (f"{FIREFOX} Edg/140.0", ("Edge", "Windows")),
        ("Mozilla/5.0 (X11; CrOS x86_64) Chrome/140.0 Safari/537.36", ("Chrome", "ChromeOS")),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", ("Chrome", "Android")),
        ("curl/8.5", ("", "")),
        ("", ("", "")),
    ):
        request = HttpRequest()
        request.META["HTTP_USER_AGENT"] = agent
        assert tuple(sessions.device_of(request).values()) == expected, agent


def test_ending_all_others_can_end_access_tokens_and_is_in_the_history(ada: User) -> None:
    here = browser("ada")
    create_token(owner=ada, actor=BY_THE_PORTAL, name="script", scopes=["usage:read"], lifetime_days=9)
    create_token(owner=make_intern("other"), actor=BY_THE_PORTAL, name="theirs", scopes=[], lifetime_days=9)
    here.post(reverse(OTHERS))
    assert AccessToken.objects.working().count() == 2

    assertContains(here.post(reverse(OTHERS), {"tokens": "on"}, follow=True), "1 access token is ended.")

    assert [token.name for token in AccessToken.objects.working()] == ["theirs"]
    actions = [entry.action for entry in AuditEntry.objects.filter(subject=ada).order_by("pk")]
    assert actions == ["issue", "sign_out", "sign_out", "revoke"]
