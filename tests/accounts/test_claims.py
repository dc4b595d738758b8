"""Reading an institution's claims, in the shapes that common providers document."""

from hashlib import sha256
from typing import Any

import pytest
from pytest_django import Settings

from accounts import claims
from accounts.claims import read_claims
from accounts.identity_providers import institution_of_settings

NOT_REPORTED = "not reported"


@pytest.fixture(autouse=True)
def nothing_warned_of() -> None:
    """Forget what was logged already in this process."""
    claims.warned_at.clear()


def usable_claims(identity: dict[str, Any], userinfo: dict[str, Any]) -> dict[str, Any]:
    """Read claims as those of the provider of the settings OIDC_…"""
    return read_claims(institution_of_settings(), identity.get("sub"), userinfo, identity)


def _groups(userinfo: dict[str, Any], identity: dict[str, Any] | None = None) -> Any:
    read = usable_claims({"sub": "u1", **(identity or {})}, {"sub": "u1", **userinfo})
    return read.get("groups", NOT_REPORTED)


SHAPES: dict[str, tuple[str, dict[str, Any], set[str]]] = {  # provider: (OIDC_GROUPS_CLAIM, claims, names to be found)
    "Keycloak, full path": ("groups", {"groups": ["/Staff", "/Faculty/Physics"]}, {"Staff", "Faculty/Physics"}),
    "Keycloak, realm roles": ("realm_access.roles", {"realm_access": {"roles": ["Staff"]}}, {"Staff"}),
    "Keycloak, a client with dots": (
        "resource_access.portal.example.edu.roles",
        {"resource_access": {"account": {"roles": ["view"]}, "portal.example.edu": {"roles": ["Interns"]}}},
        {"Interns"},
    ),
    "Authentik": ("groups", {"groups": ["authentik Admins", "Staff"]}, {"authentik Admins", "Staff"}),
    "Zitadel": (
        "urn:zitadel:iam:org:project:roles",
        {"urn:zitadel:iam:org:project:roles": {"Staff": {"2193": "uni.localhost"}, "Interns": {"2193": "x"}}},
        {"Staff", "Interns"},
    ),
    "Zitadel, of a project": (
        "urn:zitadel:iam:org:project:219301:roles",
        {"urn:zitadel:iam:org:project:219301:roles": {"Interns": {"1": "uni.localhost"}}},
        {"Interns"},
    ),
    "Auth0, an address": ("https://example.org/groups", {"https://example.org/groups": ["Staff"]}, {"Staff"}),
    "an address that holds an object": (
        "https://example.org/claims.groups",
        {"https://example.org/claims": {"groups": ["Staff"]}},
        {"Staff"},
    ),
    "Entra ID": (
        "groups",
        {"groups": ["7c1f6b0e-8a55-4f4b-9d37-2f3a8b1c9d10"]},
        {"7c1f6b0e-8a55-4f4b-9d37-2f3a8b1c9d10"},
    ),
    "Okta": ("groups", {"groups": ["Everyone", "Course managers"]}, {"Everyone", "Course managers"}),
    "Shibboleth, one value": ("eduPersonAffiliation", {"eduPersonAffiliation": "staff"}, {"staff"}),
    "Shibboleth, joined": ("eduPersonAffiliation", {"eduPersonAffiliation": "staff member"}, {"staff", "member"}),
    "Shibboleth, Grouper": (
        "isMemberOf",
        {"isMemberOf": ["uni:portal:staff", "urn:mace:example.edu:group:interns"]},
        {"uni:portal:staff", "urn:mace:example.edu:group:interns"},
    ),
    "SAML behind a proxy": ("isMemberOf", {"isMemberOf": "Staff;Course managers"}, {"Staff", "Course managers"}),
    "LDAP": (
        "groups",
        {"groups": ["cn=students,ou=groups,dc=example,dc=org", "CN=Physics\\, Staff,OU=Groups,DC=example,DC=org"]},
        {"students", "Physics, Staff"},
    ),
    "LDAP, one value": ("groups", {"groups": "cn=students, ou=groups, dc=example"}, {"students"}),
    "LDAP, joined by spaces": ("groups", {"groups": "cn=a,ou=groups,dc=x cn=b,ou=groups,dc=x"}, {"a", "b"}),
    "LDAP, joined by semicolons": ("groups", {"groups": "cn=a,ou=groups;cn=Caf\\C3\\A9,ou=groups"}, {"a", "Café"}),
    "Cognito, a mapped attribute": (
        "custom:groups",
        {"custom:groups": "[Staff, Course managers]"},
        {"Course managers"},
    ),
    "JSON in a text": ("groups", {"groups": '["Staff", "Course managers"]'}, {"Staff", "Course managers"}),
    "commas": ("groups", {"groups": "Staff, Course managers,Interns"}, {"Staff", "Course managers", "Interns"}),
    "one name with a space": ("groups", {"groups": "Course managers"}, {"Course managers"}),
    "objects with names": (
        "roles",
        {"roles": [{"id": 1, "name": "Staff"}, {"value": "g", "display": "Interns"}]},
        {"Staff", "Interns"},
    ),
}


@pytest.mark.parametrize("provider", SHAPES)
def test_finds_the_groups_in_the_shape_of_a_provider(settings: Settings, provider: str) -> None:
    settings.OIDC_GROUPS_CLAIM, userinfo, names = SHAPES[provider]

    assert names <= set(_groups(userinfo))
    assert names <= set(_groups({}, userinfo)), "in the ID token only"


def test_finds_groups_in_the_id_token_when_userinfo_has_another_part_of_the_claim(settings: Settings) -> None:
    settings.OIDC_GROUPS_CLAIM = "realm_access.roles"

    assert _groups({"realm_access": {"verify_caller": True}}, {"realm_access": {"roles": ["Staff"]}}) == ["Staff"]


@pytest.mark.parametrize("name", ["cn=Staff", "Staff", "cn=x,ou=Staff", "ou=x,cn=Staff", "uid=Staff,ou=people"])
def test_takes_of_a_distinguished_name_only_the_name_of_its_group(name: str) -> None:
    assert ("Staff" in _groups({"groups": [name]})) == (name in ("cn=Staff", "Staff"))


def test_a_bracket_without_its_other_one_belongs_to_the_name() -> None:
    assert _groups({"groups": "[Staff, Interns"}) == ["[Staff", "Interns"]


def test_does_not_take_a_part_of_a_listed_name_for_a_group() -> None:
    assert _groups({"groups": ["Former Staff", "Staff, retired", "/Alumni/Staff"]}) == [
        "Former Staff",
        "Staff, retired",
        "Alumni/Staff",
    ]


@pytest.mark.parametrize(
    ("claim", "userinfo", "given"),
    [
        ("groups", {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://g"}}}, False),
        ("groups", {"hasgroups": True}, False),
        ("groups", {"hasgroups": "true"}, False),
        ("groups", {"groups:src1": "https://graph.example/groups"}, False),
        ("https://example.org/groups", {"_claim_names": {"https://example.org/groups": "s"}}, False),
        ("resource.roles", {"_claim_names": {"resource": "s"}}, False),
        ("roles", {"hasgroups": True}, True),  # roles at Entra ID are never too many
        ("groups", {"hasgroups": False}, True),
        ("groups", {"_claim_names": {"address": "src1"}}, True),
        ("groups", {"_claim_names": ["groups"]}, True),
        ("groups", {"hasgroups": True, "groups": ["Staff"]}, True),
    ],
)
def test_groups_that_are_stored_elsewhere_count_as_not_reported(
    settings: Settings, caplog: pytest.LogCaptureFixture, claim: str, userinfo: dict[str, Any], given: bool
) -> None:
    settings.OIDC_GROUPS_CLAIM, settings.OIDC_REMOVE_MISSING_GROUPS = claim, True

    assert (_groups({}, userinfo) != NOT_REPORTED) == given
    assert ("too many" in caplog.text) != given


def test_ignores_aggregated_and_distributed_claims() -> None:
    elsewhere = {
        "_claim_names": {"email": "src1", "email_verified": "src1", "name": "src1"},
        "_claim_sources": {"src1": {"JWT": "ey.ey.sig", "email": "boss@example.edu"}},
    }

    assert usable_claims({"sub": "u1"}, elsewhere) == {"sub": "u1"}


@pytest.mark.parametrize("userinfo", [{}, {"groups": None}, {"groups": 7}, {"groups": True}, {"groups": {"a": 1}}])
@pytest.mark.parametrize("remove", [False, True])
def test_warns_once_of_a_claim_that_is_missing_or_invalid(
    caplog: pytest.LogCaptureFixture, settings: Settings, userinfo: dict[str, Any], remove: bool
) -> None:
    settings.OIDC_REMOVE_MISSING_GROUPS = remove
    for _sign_in in range(3):
        is_kept = not remove and userinfo.get("groups") is None
        assert _groups(userinfo) == (NOT_REPORTED if is_kept else [])

    [record] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "groups" in record.getMessage()


def test_warns_of_nothing_when_somebody_is_in_no_group(caplog: pytest.LogCaptureFixture) -> None:
    nothings: list[object] = [[], "", {}]
    for nothing in nothings:
        assert _groups({"groups": nothing}) == []
    assert not caplog.records


def test_names_are_cut_to_the_columns_of_the_database() -> None:
    longest = {"preferred_username": 150, "name": 300, "given_name": 150, "family_name": 150}
    read = usable_claims({"sub": "u1"}, {"sub": "u1", **dict.fromkeys(longest, "x" * 400)})

    assert {claim: len(read[claim]) for claim in longest if claim in read} == longest


def test_keeps_subjects_apart_to_the_letter() -> None:
    short = ["auth0|ABC", "auth0|abc", " a ", "a", "x" * 191]
    long = ["x" * 255, "x" * 254, "x" * 254 + "X", "/" * 192, "sha256:" + sha256(b"x" * 255).hexdigest()]

    kept = [usable_claims({"sub": subject}, {})["sub"] for subject in short + long]

    assert kept[: len(short)] == short
    assert len(set(kept)) == len(kept)
    assert max(map(len, kept)) <= 191  # the room in allauth's table
    with pytest.raises(ValueError, match="nobody"):
        usable_claims({"sub": "x" * 256}, {})


@pytest.mark.parametrize("roles", [["Staff"], "Staff", None, ["Staff", {"x": 1}], {"Staff": 1}])
def test_finds_groups_within_a_claim(settings: Settings, roles: object) -> None:
    settings.OIDC_GROUPS_CLAIM = "realm_access.roles"

    groups = usable_claims({"sub": "u1"}, {"realm_access": {"roles": roles}}).get("groups", [])

    assert groups == (["Staff"] if "Staff" in str(roles) and not isinstance(roles, dict) else [])
    assert "groups" not in usable_claims({"sub": "u1"}, {"realm_access": roles})
    assert usable_claims({"sub": "u1"}, {"realm_access.roles": "Staff"})["groups"] == ["Staff"]


@pytest.mark.parametrize("garbage", [7, {"Staff": True}, [["Staff"]], True])
def test_takes_no_group_out_of_garbage(garbage: object) -> None:
    assert usable_claims({"sub": "u1"}, {"groups": garbage})["groups"] == []


# --- Addresses ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("trusted", "claim", "verified"),
    [
        (False, {}, False),
        (True, {}, True),
        (True, {"email_verified": False}, False),
        (True, {"email_verified": "false"}, False),
        (True, {"email_verified": "False"}, False),
        (True, {"email_verified": None}, False),
        (True, {"email_verified": "true"}, True),
        (False, {"email_verified": True}, True),
    ],
)
def test_trusts_an_address_without_a_verified_claim_only_by_setting(
    settings: Settings, trusted: bool, claim: dict[str, object], verified: bool
) -> None:
    settings.OIDC_TRUST_EMAIL = trusted

    assert usable_claims({"sub": "u1"}, {"email": "ada@example.edu", **claim})["email_verified"] is verified
    assert usable_claims({"sub": "u1", "email": "ada@example.edu", **claim}, {})["email_verified"] is verified
