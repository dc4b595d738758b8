"""Invalid input by HTTP: a clear response in the layout, never a 500, and nothing changed."""

from html import escape
from importlib import import_module

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import User
from keys.models import Key
from tests.conftest import HTMX, signed_in
from tests.keys.test_forms import KEPT, REFUSED
from tests.keys.views.pages import assert_in_layout, everything, field_of, key_request, url_of, words_of
from tests.sandbox_process import Sandbox

CREATE = "/keys/create/"
TYPABLE = {name: label for name, label in REFUSED.items() if name != "lone surrogate"}  # HTTP cannot carry that one
ACTIONS = ("renew", "rotate", "end_old", "label", "delete")
NO_IDS = ("1", "0" * 36, "00000000-0000-0000-0000-00000000000g", "%00", "..%2f..", "a" * 500)


def test_refuses_odd_labels_and_changes_nothing(
    as_intern: Client, key: Key, sandbox: Sandbox, way: dict[str, str]
) -> None:
    before = everything(sandbox)
    kept: list[tuple[str, str]] = []
    for name, label in TYPABLE.items():
        for url in (CREATE, url_of("label", key)):
            response = as_intern.post(url, key_request(label), headers=way)
            is_said = "invisible characters" in words_of(response) or "Null characters" in words_of(response)
            if response.status_code != 422 or not is_said:
                kept.append((name, url))

    assert kept == []
    assert everything(sandbox) == before


def test_shows_odd_labels_as_they_are_on_every_page(as_staff: Client, sandbox: Sandbox) -> None:
    for label in KEPT.values():
        assert as_staff.post(CREATE, key_request(label)).status_code == 201, label

    assert sorted(Key.objects.values_list("label", flat=True)) == sorted(KEPT.values())
    shown = [("/", list(KEPT.values())), (reverse("keys:history"), list(KEPT.values()))]
    shown += [(url_of(page, key), [key.label]) for key in Key.objects.all() for page in ("detail", "delete", "rotate")]
    for url, labels in shown:
        page = as_staff.get(url).content.decode()
        assert [label for label in labels if escape(label) not in page] == [], url
        assert "<script>alert" not in page


@pytest.mark.parametrize("url", [CREATE, "label"])
def test_ten_thousand_characters_are_refused_and_kept_in_the_form(
    as_intern: Client, key: Key, sandbox: Sandbox, url: str
) -> None:
    before = everything(sandbox)

    response = as_intern.post(url_of("label", key) if url == "label" else url, key_request("x" * 10_000))

    assert response.status_code == 422
    assert "at most 60 characters (it has 10000)" in words_of(response)
    assert field_of(response, "label") == "x" * 10_000
    assert everything(sandbox) == before


def test_invalid_bytes_change_at_most_a_label(as_intern: Client, sandbox: Sandbox) -> None:
    body = b"label=%ff%fe%ed%a0%80&kind=temporary"

    response = as_intern.post(CREATE, body, content_type="application/x-www-form-urlencoded")

    assert response.status_code in (201, 422)
    assert all("\ufffd" in label for label in Key.objects.values_list("label", flat=True))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stay_ends_on", "2026-02-30"),
        ("stay_ends_on", "0001-01-01"),
        ("stay_ends_on", "-1"),
        ("stay_ends_on", "9" * 5000),
        ("stay_ends_on", "٢٠٢٦-١٢-٣١x"),
        ("intern_email", "a" * 250 + "@example.edu"),
        ("intern_email", "<script>@example.edu"),
        ("intern_name", "x" * 10_000),
        ("request_id", "1' OR 1=1"),
        ("kind", "\0"),
    ],
)
def test_refuses_bad_values_and_changes_nothing(as_staff: Client, sandbox: Sandbox, field: str, value: str) -> None:
    response = as_staff.post(CREATE, key_request(**{"intern_name": "Intern A", field: value}))

    assert response.status_code == 422
    assert_in_layout(response)
    assert not Key.objects.exists()
    assert not sandbox.live_keys()


def test_the_largest_date_is_cut_to_the_lifetime_of_the_policy(as_staff: Client, sandbox: Sandbox) -> None:
    assert as_staff.post(CREATE, key_request(intern_name="Intern A", stay_ends_on="9999-12-31")).status_code == 201


def test_an_invalid_id_is_not_found(as_intern: Client) -> None:
    for no_id in NO_IDS:
        for action in ("", *(f"{name.replace('_', '-')}/" for name in ACTIONS)):
            response = as_intern.post(f"/keys/{no_id}/{action}", headers=HTMX)
            assert response.status_code == 404, (no_id, action)
            assert_in_layout(response)


def test_an_id_in_capitals_is_not_another_key(as_intern: Client, key: Key, sandbox: Sandbox) -> None:
    before = everything(sandbox)

    assert as_intern.post(f"/keys/{str(key.pk).upper()}/delete/").status_code == 404
    assert everything(sandbox) == before


def test_a_cross_site_form_is_refused(as_staff: Client, key: Key, sandbox: Sandbox) -> None:
    before = everything(sandbox)

    for action in ACTIONS:
        assert as_staff.post(url_of(action, key), {"label": "mine"}, headers=HTMX).status_code == 404, action
        assert everything(sandbox) == before, action


def test_without_a_csrf_token_nothing_is_changed(intern: User, key: Key, sandbox: Sandbox, way: dict[str, str]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(intern)
    before = everything(sandbox)

    for action in ("create", *ACTIONS):
        response = client.post(CREATE if action == "create" else url_of(action, key), key_request("mine"), headers=way)
        assert response.status_code == 403, action
        assert_in_layout(response)
        assert "This form has expired" in words_of(response)
        assert everything(sandbox) == before, action


def test_a_csrf_token_from_before_the_last_sign_in_is_refused(intern: User, sandbox: Sandbox) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(intern)
    token = field_of(client.get("/"), "csrfmiddlewaretoken")
    assert client.post(CREATE, key_request(csrfmiddlewaretoken=token)).status_code == 201
    client.cookies.pop("csrf")

    response = client.post(CREATE, key_request("another", csrfmiddlewaretoken=token))

    assert response.status_code == 403
    assert Key.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"label=a&" * 2000, "application/x-www-form-urlencoded"),
        (b"label=" + b"a" * 2_000_000, "application/x-www-form-urlencoded"),
        (b"label=a", "application/x-www-form-urlencoded; charset=utf-16"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"label", "multipart/form-data"),
        (b'{"label": "a"}', "application/json"),
        (b"", "application/x-www-form-urlencoded"),
    ],
)
def test_a_broken_body_is_a_bad_request(as_intern: Client, sandbox: Sandbox, body: bytes, kind: str) -> None:
    response = as_intern.post(CREATE, body, content_type=kind)

    assert response.status_code in (400, 422)
    assert_in_layout(response)
    assert not Key.objects.exists()


@pytest.mark.parametrize("address", ["fe80::1%eth0", "unix:", "999.1.1.1", ""])
def test_an_invalid_client_address_does_not_stop_an_action(as_intern: Client, sandbox: Sandbox, address: str) -> None:
    assert as_intern.post(CREATE, key_request(), REMOTE_ADDR=address).status_code == 201


@pytest.mark.parametrize("cookie", ["\\000" * 9 + "nonsense", "' OR 1=1 --", "é" * 32, "short"])
def test_an_invalid_session_leads_to_the_sign_in_page(intern: User, key: Key, sandbox: Sandbox, cookie: str) -> None:
    client = signed_in(intern)
    client.cookies["session"] = cookie

    assert client.post(url_of("delete", key)).status_code == 302
    assert len(sandbox.live_keys()) == 1


def test_an_invalid_session_id_is_not_looked_up() -> None:
    store = import_module(settings.SESSION_ENGINE).SessionStore

    assert store("\0" * 32).session_key is None
    assert store("a" * 32).session_key == "a" * 32
