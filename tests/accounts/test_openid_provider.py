"""Sign-in, over HTTP, through an OpenID provider that nobody here wrote, set up as the common ones are.

The claims are those of the providers' own documentation.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from tests.accounts.openid_provider import CLIENT_SECRET, OpenIDProvider, running, sign_in_at
from tests.accounts.visits import LOGIN, groups_of

pytestmark = pytest.mark.node

GUID = "7c1f6b0e-8a55-4f4b-9d37-2f3a8b1c9d10"
PERSON = {"name": "Intern A", "given_name": "Intern", "family_name": "A"}
ADDRESS = {"email": "ada@example.edu", "email_verified": True}
OPENID = {"name", "given_name", "family_name", "preferred_username", "email", "email_verified"}

PROVIDERS: dict[str, dict[str, Any]] = {
    "Keycloak": {
        "subject": "f:5b8e9c1a-2f0e-4a6f-9f5d-1d5f8f9b8a11:ada",
        "userinfo": {**PERSON, **ADDRESS, "groups": ["/Staff", "/Faculty/Physics"]},
        "groups": {"Staff", "Faculty/Physics"},
    },
    "Keycloak, roles of the realm": {
        "scopes": "openid profile email roles",
        "claim": "realm_access.roles",
        "id_token": {"realm_access": {"roles": ["offline_access", "Staff"]}},
        "userinfo": {**PERSON, **ADDRESS},
        "groups": {"Staff"},
    },
    "Authentik": {
        "subject": "a" * 64,
        "userinfo": {**PERSON, **ADDRESS, "nickname": "ada", "groups": ["authentik Users", "Course managers"]},
        "groups": {"Course managers"},
    },
    "Zitadel": {
        "scopes": "openid profile email urn:zitadel:iam:org:projects:roles",
        "claim": "urn:zitadel:iam:org:project:roles",
        "subject": "163840776835432705",
        "userinfo": {
            **PERSON,
            **ADDRESS,
            "urn:zitadel:iam:org:project:roles": {"Staff": {"163840776801878273": "uni.zitadel.localhost"}},
        },
        "groups": {"Staff"},
    },
    "Shibboleth": {
        "claim": "eduPersonAffiliation",
        "subject": "ADA7PQ3K5XJZ@example.edu",
        "userinfo": {**PERSON, "email": "ada@example.edu", "eduPersonAffiliation": "Staff member"},
        "groups": {"Staff"},
    },
    "Shibboleth with LDAP groups": {
        "claim": "isMemberOf",
        "userinfo": {**PERSON, **ADDRESS, "isMemberOf": ["cn=Staff,ou=groups,dc=example,dc=edu"]},
        "groups": {"Staff"},
    },
    "Entra ID": {
        "subject": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        "id_token": {"groups": [GUID], "preferred_username": "ada@example.edu"},
        "userinfo": {**PERSON, "email": "ada@example.edu"},
        "groups": {GUID},
    },
    "Entra ID, app roles": {
        "claim": "roles",
        "id_token": {"roles": ["Staff"], "hasgroups": True},
        "userinfo": {**PERSON, "email": "ada@example.edu"},
        "groups": {"Staff"},
    },
    "Okta": {
        "scopes": "openid profile email groups",
        "subject": "00uid4BxXw6I6TV4m0g3",
        "userinfo": {**PERSON, **ADDRESS, "zoneinfo": "America/Los_Angeles", "groups": ["Everyone", "Staff"]},
        "groups": {"Staff"},
    },
    "Auth0": {
        "claim": "https://example.edu/groups",
        "subject": "auth0|5f7c8ec7c33c6c004bbafe82",
        "userinfo": {**PERSON, **ADDRESS, "https://example.edu/groups": "Staff,Interns"},
        "groups": {"Staff", "Interns"},
    },
    "userinfo signed": {
        "client": "portal-signed",
        "userinfo": {**PERSON, **ADDRESS, "groups": ["Staff"]},
        "groups": {"Staff"},
    },
    "a subject as long as allowed": {"subject": "S" * 255, "userinfo": {**PERSON, **ADDRESS}, "groups": set()},
}
EXTRA_SCOPES = {"roles": "realm_access", "urn:zitadel:iam:org:projects:roles": "urn:zitadel:iam:org:project:roles"}


def _scopes() -> dict[str, list[str]]:
    """Return the claims of each scope; those that need a scope of their own are not given without it."""
    sent = {name for shape in PROVIDERS.values() for use in ("id_token", "userinfo") for name in shape.get(use, {})}
    own = {scope: [claim] for scope, claim in EXTRA_SCOPES.items()}
    always = sorted(sent - set(EXTRA_SCOPES.values()))
    return {"openid": ["sub", *always], "profile": [], "email": [], "groups": [], **own}


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIDProvider]:
    """Run one provider for the tests of this file."""
    with running(_scopes()) as process:
        yield process


def _point_at(settings: Settings, provider: OpenIDProvider, shape: dict[str, Any]) -> None:
    settings.OIDC_ISSUER, settings.OIDC_NAME = provider.issuer, "Example University"
    settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = shape.get("client", "portal"), CLIENT_SECRET
    settings.OIDC_SCOPES = shape.get("scopes", "openid profile email").split()
    settings.OIDC_GROUPS_CLAIM = shape.get("claim", "groups")


@pytest.mark.parametrize("name", PROVIDERS)
def test_signs_in_through_a_provider_set_up_as(
    live_server: LiveServer, provider: OpenIDProvider, settings: Settings, name: str
) -> None:
    shape = PROVIDERS[name]
    subject = shape.get("subject", "5b8e9c1a-2f0e-4a6f-9f5d-1d5f8f9b8a11")
    for group in ("Staff", "Interns", "Faculty/Physics", "Course managers", GUID):
        Group.objects.get_or_create(name=group)
    _point_at(settings, provider, shape)
    provider.knows({subject: {use: shape.get(use, {}) for use in ("id_token", "userinfo")}})

    for _time in ("new", "known"):
        browser, page = sign_in_at(f"{live_server.url}{LOGIN}", subject)
        assert page.status_code == 200
        assert browser.get(f"{live_server.url}/account/email/", timeout=10).url.endswith("/account/email/")

    user = User.objects.get()
    assert (user.first_name, user.last_name, user.email) == ("Intern", "A", "ada@example.edu")
    assert groups_of(user) == shape["groups"]
    assert SocialAccount.objects.count() == 1


@pytest.mark.parametrize(("client", "what"), [("portal-encrypted", "userinfo"), ("portal-encrypted-id", "ID token")])
def test_says_what_to_change_where_the_provider_encrypts(
    live_server: LiveServer,
    provider: OpenIDProvider,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    client: str,
    what: str,
) -> None:
    _point_at(settings, provider, {"client": client})
    provider.knows({"u1": {"userinfo": ADDRESS, "id_token": {}}})

    _browser, page = sign_in_at(f"{live_server.url}{LOGIN}", "u1")

    assert page.status_code == 503
    assert "Contact the administrators" in page.text
    assert f"{what} is encrypted" in caplog.text
    assert not User.objects.exists()


def test_keeps_the_groups_of_somebody_whose_groups_have_become_too_many(
    live_server: LiveServer, provider: OpenIDProvider, settings: Settings
) -> None:
    Group.objects.get_or_create(name="Staff")
    _point_at(settings, provider, {})
    few = {"groups": ["Staff"]}
    many = {
        "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": "https://graph.example/groups"}},
    }
    for id_token in (few, many):
        provider.knows({"u1": {"userinfo": ADDRESS, "id_token": id_token}})
        sign_in_at(f"{live_server.url}{LOGIN}", "u1")

    assert groups_of(User.objects.get()) == {"Staff"}
