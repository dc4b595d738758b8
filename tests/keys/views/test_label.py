"""Changing a label: the person's own name for a key, unknown to the gateway."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import AuditEntry, User
from keys.models import Key
from tests.keys.actions import again, issue
from tests.keys.views.pages import assert_form, assert_not_found, assert_only, everything, field_of, url_of, words_of
from tests.ports import free_port
from tests.sandbox_process import Sandbox


def test_shows_the_label_that_it_has(as_intern: Client, key: Key, way: dict[str, str]) -> None:
    response = as_intern.get(url_of("label", key), headers=way)

    assert response.status_code == 200
    assert_form(response, way)
    assert field_of(response, "label") == "thesis"


def test_changes_it_and_says_so(as_intern: Client, key: Key, way: dict[str, str]) -> None:
    response = as_intern.post(url_of("label", key), {"label": "master’s thesis"}, headers=way, follow=True)

    assert response.status_code == 200
    assert_form(response, way)
    assert "The label is “master’s thesis” now." in words_of(response)
    assert again(key).label == "master’s thesis"
    assert AuditEntry.objects.filter(action="relabel", outcome="done", details={"label": "thesis"}).exists()


def test_needs_no_gateway(as_intern: Client, key: Key, settings: Settings) -> None:
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"

    assert as_intern.post(url_of("label", key), {"label": "other"}).status_code == 302


def test_an_unchanged_label_is_not_audited(as_intern: Client, key: Key) -> None:
    before = AuditEntry.objects.count()

    assert as_intern.post(url_of("label", key), {"label": "thesis"}).status_code == 302
    assert AuditEntry.objects.count() == before


def test_another_case_of_its_own_label_is_allowed(as_intern: Client, key: Key) -> None:
    as_intern.post(url_of("label", key), {"label": "Thesis"})

    assert again(key).label == "Thesis"


def test_refuses_the_label_of_another_key(
    as_intern: Client, intern: User, key: Key, sandbox: Sandbox, way: dict[str, str]
) -> None:
    issue(intern, "other")
    before = everything(sandbox)

    response = as_intern.post(url_of("label", key), {"label": "OTHER"}, headers=way)

    assert response.status_code == 422
    assert_form(response, way)
    assert "You have a key with this label. Choose another." in words_of(response)
    assert field_of(response, "label") == "OTHER"
    assert everything(sandbox) == before


@pytest.mark.parametrize(("label", "words"), [("", "Say what the key is for"), ("x" * 61, "at most 60 characters")])
def test_refuses_none_and_an_over_long_one(
    as_intern: Client, key: Key, way: dict[str, str], label: str, words: str
) -> None:
    response = as_intern.post(url_of("label", key), {"label": label}, headers=way)

    assert response.status_code == 422
    assert words in words_of(response)
    assert again(key).label == "thesis"


def test_a_strangers_key_is_not_found(as_intern: Client, foreign_key: Key, sandbox: Sandbox) -> None:
    assert_not_found(as_intern, foreign_key, "label", sandbox)
    assert_not_found(as_intern, foreign_key, "label", sandbox, method="get")


def test_accepts_get_and_post_only(as_intern: Client, key: Key) -> None:
    assert_only(as_intern, url_of("label", key), "get", "post")
