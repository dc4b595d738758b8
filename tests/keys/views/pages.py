"""Helpers about pages: their text, form data, and data that must not change."""

import re
import uuid
from html import unescape
from typing import TYPE_CHECKING, Any

from django.test import Client
from django.urls import reverse

from keys.models import Key, Token
from tests.sandbox_process import Sandbox

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

_TAG = re.compile(r"<[^>]*>")


def url_of(name: str, key: Key) -> str:
    """Return the address of an action on a key."""
    return reverse(f"keys:{name}", args=[key.pk])


def words_of(response: "Response") -> str:
    """Return what an answer says to a reader: no tags, single spaces."""
    return " ".join(unescape(_TAG.sub(" ", response.content.decode())).split())


def key_request(label: str = "thesis", **more: str) -> dict[str, str]:
    """Return what the form for a new key sends."""
    return {"label": label, "kind": "temporary", "request_id": str(uuid.uuid4()), **more}


def field_of(response: "Response", name: str) -> str:
    """Return the value that the form in an answer would send for a field."""
    return field_in(response.content.decode(), name)


def field_in(page: str, name: str) -> str:
    """Return the value that the first form with this field would send for it."""
    tag = next(tag for tag in _TAG.findall(page) if f'name="{name}"' in tag)
    value = re.search(r'value="([^"]*)"', tag)
    return unescape(value[1]) if value else ""


def assert_form(response: "Response", way: dict[str, str], region: str = "keys-panel") -> None:
    """Check that htmx gets its region and nothing around it, and everybody else a whole page in the layout."""
    whole = b"<!doctype html>" in response.content
    assert whole != bool(way)
    assert f'id="{region}"'.encode() in response.content


def assert_in_layout(response: "Response") -> None:
    """Check that an error is a page that looks like the others."""
    assert b"<!doctype html>" in response.content
    assert b'id="main"' in response.content


def everything(sandbox: Sandbox) -> list[Any]:
    """Return all that an action could change: our rows, and the keys at the gateway."""
    return [
        list(Key.objects.order_by("pk").values()),
        list(Token.objects.order_by("pk").values()),
        sandbox.live_keys(),
    ]


def assert_not_found(client: Client, key: Key, name: str, sandbox: Sandbox, *, method: str = "post") -> None:
    """Check that somebody else's key is not there, by any way of asking, and stays as it is."""
    before = everything(sandbox)

    response = getattr(client, method)(url_of(name, key))

    assert response.status_code == 404
    assert_in_layout(response)
    assert key.label not in words_of(response)
    assert everything(sandbox) == before


def assert_only(client: Client, url: str, *allowed: str) -> None:
    """Check that every other method is refused, and says which are not."""
    for method in {"get", "post", "put", "patch", "delete"} - set(allowed):
        response = getattr(client, method)(url)
        assert response.status_code == 405, method
        assert {name.lower() for name in response["Allow"].split(", ")} - {"head"} == set(allowed)
