"""Security headers of every response, and what no page may contain."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.http import HttpResponseBase
from django.test import Client

from accounts.models import User
from tests.conftest import signed_in
from tests.keys.actions import issue
from tests.portal.routes import every_route
from tests.portal.test_routes import POST_ONLY
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db

PAGES = [route for route in every_route() if route.name not in POST_ONLY]
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
COOKIES = [f"{name}_COOKIE_NAME" for name in ("SESSION", "CSRF", "LANGUAGE", "THEME", "BROWSER")]
SEALS = ["SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "LANGUAGE_COOKIE_SECURE", "SECURE_SSL_REDIRECT"]
NAMES = [*COOKIES, *SEALS, "SECURE_HSTS_SECONDS"]
WITHOUT_SOURCE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>", re.IGNORECASE)
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=", re.IGNORECASE)
LOADED = re.compile(
    r"<(?:script|img|iframe|source)[^>]*\ssrc=\"([^\"]*)\"|<link[^>]*\shref=\"([^\"]*)\"", re.IGNORECASE
)


def directives(answer: HttpResponseBase) -> dict[str, list[str]]:
    parts = [part.split() for part in answer["Content-Security-Policy"].split(";")]
    return {name: values for name, *values in parts}


def assert_is_safe(answer: HttpResponseBase, referrer: str = "same-origin") -> None:
    policy = directives(answer)
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert {name: answer[name] for name in HEADERS} == HEADERS
    assert answer["Referrer-Policy"] == referrer
    assert "camera=()" in answer["Permissions-Policy"]


def assert_loads_only_from_here(answer: HttpResponseBase) -> None:
    text = b"".join(iter(answer)).decode()
    assert not WITHOUT_SOURCE.search(text)
    assert not INLINE.search(text)
    addresses = ["".join(found) for found in LOADED.findall(text)]
    assert [address for address in addresses if not address.startswith("/") or address.startswith("//")] == []


def test_every_page_has_security_headers(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    wrong = {}
    for route in PAGES:
        answer = signed_in(intern).get(route.for_key(key.id))
        try:
            assert_is_safe(answer, referrer="strict-origin" if route.name.endswith("_by_link") else "same-origin")
            assert_loads_only_from_here(answer)
            assert "no-store" in answer["Cache-Control"]
        except AssertionError as error:
            wrong[route.name] = str(error)

    assert wrong == {}


@pytest.mark.parametrize("address", ["/nowhere/", "/account/login/", "/keys/\x00/"])
def test_a_public_page_has_security_headers(client: Client, address: str) -> None:
    answer = client.get(address)

    assert_is_safe(answer)
    assert_loads_only_from_here(answer)


def test_a_server_sets_secure_cookies(tmp_path: Path) -> None:
    program = f"""
import django, json
django.setup()
from django.conf import settings
print(json.dumps({{name: getattr(settings, name) for name in {NAMES}}}))
"""
    given = {"DJANGO_SETTINGS_MODULE": "portal.settings", "VAR_DIR": str(tmp_path), "PORTAL_URL": "https://example.edu"}
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, **given}, capture_output=True, check=True)
    found = json.loads(done.stdout)

    assert all(found[name].startswith("__Host-") for name in COOKIES)
    assert all(found[name] is True for name in SEALS)
    assert found["SECURE_HSTS_SECONDS"] >= 365 * 24 * 3600
