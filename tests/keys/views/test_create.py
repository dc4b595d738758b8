"""Creating a key: its secret is in one response, and failures are explained correctly."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys import services
from keys.models import Intern, Key
from tests.keys.actions import assert_at_rest, issue, works
from tests.keys.views.pages import assert_form, assert_only, field_of, key_request, words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox

CREATE, INDEX = "/keys/create/", "/"


def test_shows_the_secret_once(as_intern: Client, sandbox: Sandbox, way: dict[str, str]) -> None:
    response = as_intern.post(CREATE, key_request(), headers=way)

    (secret,) = sandbox.issued_secrets()
    assert response.status_code == 201
    assert_form(response, way)
    assert secret in words_of(response)
    assert works(sandbox, secret)
    for url in (INDEX, reverse("keys:history"), f"/keys/{Key.objects.get().pk}/"):
        assert secret not in as_intern.get(url).content.decode()


def test_the_response_is_not_cached(as_intern: Client, sandbox: Sandbox, way: dict[str, str]) -> None:
    response = as_intern.post(CREATE, key_request(), headers=way)

    assert "no-store" in response["Cache-Control"]


def test_fills_the_snippets_in(as_intern: Client, sandbox: Sandbox) -> None:
    page = words_of(as_intern.post(CREATE, key_request()))

    assert page.count(sandbox.issued_secrets()[0]) > 5
    assert f"{sandbox.url}/v1" in page


def test_a_secret_is_never_in_a_url_or_a_session(as_intern: Client, sandbox: Sandbox) -> None:
    response = as_intern.post(CREATE, key_request())

    (secret,) = sandbox.issued_secrets()
    assert secret not in str(dict(as_intern.session))
    assert secret not in str(response.headers)
    assert secret not in str(response.cookies)


def test_a_form_sent_twice_makes_one_key_and_says_so(as_intern: Client, sandbox: Sandbox, way: dict[str, str]) -> None:
    form = key_request()
    as_intern.post(CREATE, form, headers=way)

    again = as_intern.post(CREATE, form, headers=way)

    assert again.status_code == 422
    assert_form(again, way)
    assert "This form was sent twice. Only one key was created" in words_of(again)
    assert len(sandbox.live_keys()) == 1


def test_the_next_form_creates_another_key(as_intern: Client, sandbox: Sandbox) -> None:
    form = key_request()
    as_intern.post(CREATE, form)
    again = as_intern.post(CREATE, form)

    response = as_intern.post(CREATE, key_request("another", request_id=field_of(again, "request_id")))

    assert response.status_code == 201


def test_errors_are_shown_next_to_the_fields(as_staff: Client, sandbox: Sandbox, way: dict[str, str]) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    form = key_request("x" * 61, intern_name="Intern A", intern_email="nowhere", stay_ends_on=yesterday)

    response = as_staff.post(CREATE, form, headers=way)

    assert response.status_code == 422
    assert_form(response, way)
    said = words_of(response)
    assert "at most 60 characters" in said
    assert "Enter a valid email address" in said
    assert "This day is in the past" in said
    for name in ("label", "intern_name", "intern_email", "stay_ends_on"):
        assert field_of(response, name) == form[name]
    assert not Key.objects.exists()


def test_a_missing_label_is_asked_for(as_intern: Client, sandbox: Sandbox) -> None:
    response = as_intern.post(CREATE, key_request("   "))

    assert response.status_code == 422
    assert "Say what the key is for" in words_of(response)


def test_an_intern_without_a_name_is_asked_for(as_staff: Client, sandbox: Sandbox) -> None:
    response = as_staff.post(CREATE, key_request(intern_email="intern@example.edu"))

    assert response.status_code == 422
    assert "Enter who will use the key" in words_of(response)


def test_a_key_for_an_intern_is_temporary(as_staff: Client, sandbox: Sandbox) -> None:
    response = as_staff.post(CREATE, key_request(kind="personal", intern_name="Intern A"))

    assert response.status_code == 422
    assert "A key for an intern is temporary" in words_of(response)


def test_staff_name_the_intern_who_uses_it(as_staff: Client, sandbox: Sandbox) -> None:
    end = (datetime.now(UTC) + timedelta(days=9)).date()
    form = key_request(intern_name="Intern A", intern_email="intern@example.edu", stay_ends_on=end.isoformat())

    assert as_staff.post(CREATE, form).status_code == 201

    key = Key.objects.get()
    intern = Intern.objects.get(supervisor=key.owner, keys=key)
    assert (intern.name, intern.email, key.stay_ends_on) == ("Intern A", "intern@example.edu", end)
    assert "Intern A" in words_of(as_staff.get(INDEX))


def test_people_without_interns_have_no_intern_field(as_intern: Client, sandbox: Sandbox) -> None:
    as_intern.post(CREATE, key_request(intern_name="Intern B"))

    assert Key.objects.get().intern is None


@pytest.mark.parametrize("kind", ["personal", "playground", "external", "nonsense"])
def test_refuses_kinds_that_the_policy_does_not_offer(as_intern: Client, sandbox: Sandbox, kind: str) -> None:
    response = as_intern.post(CREATE, key_request(kind=kind))

    assert response.status_code == 422
    assert not sandbox.live_keys()


def test_says_which_limit_is_reached_and_what_to_do(
    as_intern: Client, intern: User, sandbox: Sandbox, way: dict[str, str]
) -> None:
    for label in ("one", "two", "three"):
        issue(intern, label)

    response = as_intern.post(CREATE, key_request("four"), headers=way)

    assert response.status_code == 422
    assert "You have 3 keys, and 3 are allowed. Delete one" in words_of(response)
    assert field_of(response, "label") == "four"
    assert len(sandbox.live_keys()) == 3


def test_says_that_a_label_is_in_use(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    issue(intern, "thesis")

    response = as_intern.post(CREATE, key_request("THESIS"))

    assert response.status_code == 422
    assert "You have a key with this label. Choose another." in words_of(response)


def test_an_unavailable_gateway_creates_nothing_and_the_form_can_be_resent(
    as_intern: Client, sandbox: Sandbox, settings: Settings, way: dict[str, str]
) -> None:
    form = key_request()
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    response = as_intern.post(CREATE, form, headers=way)

    assert response.status_code == 503
    assert_form(response, way)
    assert "The gateway does not answer. Nothing was created" in words_of(response)
    assert field_of(response, "label") == "thesis"
    assert field_of(response, "request_id") == form["request_id"]
    settings.GATEWAY_URL = sandbox.url
    assert as_intern.post(CREATE, form, headers=way).status_code == 201


def test_a_lost_answer_is_reported_as_unknown_until_it_is_known(
    as_intern: Client, sandbox: Sandbox, way: dict[str, str]
) -> None:
    sandbox.faults("/key/generate", "drop_after")

    response = as_intern.post(CREATE, key_request(), headers=way)

    assert response.status_code == 503
    assert "We do not know yet whether the key was created" in words_of(response)
    assert "Nothing was created" not in words_of(response)
    assert "Checking with the gateway" in words_of(as_intern.get(INDEX))
    services.sweep_keys()
    listed = words_of(as_intern.get(INDEX))
    assert "Not created" in listed
    assert "Nobody has seen the secret, and no such key is left." in listed
    assert_at_rest(sandbox)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_the_same_form_after_a_lost_answer_works_once_the_outcome_is_known(
    as_intern: Client, sandbox: Sandbox, kind: str
) -> None:
    form = key_request()
    sandbox.faults("/key/generate", kind)
    as_intern.post(CREATE, form)

    early = as_intern.post(CREATE, form)
    assert early.status_code == 422
    assert "the gateway has not answered yet" in words_of(early)
    assert "one key was created" not in words_of(early)
    services.sweep_keys()

    assert as_intern.post(CREATE, form).status_code == 201
    assert len(sandbox.live_keys()) == 1


def test_a_refused_admin_key_reveals_no_details(as_intern: Client, sandbox: Sandbox, settings: Settings) -> None:
    settings.GATEWAY_ADMIN_KEY = "sk-an-admin-key-that-is-not-known"

    response = as_intern.post(CREATE, key_request())

    assert response.status_code == 502
    said = "The gateway does not accept the portal’s own key. Nothing was created. Contact the administrators."
    assert said in words_of(response)
    for page in (words_of(response), words_of(as_intern.get(reverse("keys:history")))):
        assert settings.GATEWAY_ADMIN_KEY[-4:] not in page
        assert token_of(settings.GATEWAY_ADMIN_KEY) not in page
    assert not Key.objects.live().exists()


def test_accepts_post_only(as_intern: Client) -> None:
    assert_only(as_intern, CREATE, "post")


def test_an_anonymous_user_is_sent_to_the_sign_in_page(client: Client, sandbox: Sandbox, db: None) -> None:
    response = client.post(CREATE, key_request())

    assert response.status_code == 302
    assert response["Location"].startswith("/account/login/")
    assert not Key.objects.exists()
