"""Which identity providers people can sign in with, and the rules of each (ADR 47).

Read once, at the start, from the settings OIDC_… and from IDENTITY_PROVIDERS. Knows no protocol.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

import msgspec
from django.conf import settings

INSTITUTION: Final = "institution"  # the id of the provider of the settings OIDC_…
Names = tuple[str, ...]
OIDS: Final = {  # SAML names attributes by object identifiers; some servers by their short names
    "uid": "urn:oid:0.9.2342.19200300.100.1.1",
    "mail": "urn:oid:0.9.2342.19200300.100.1.3",
    "displayName": "urn:oid:2.16.840.1.113730.3.1.241",
    "cn": "urn:oid:2.5.4.3",
    "sn": "urn:oid:2.5.4.4",
    "givenName": "urn:oid:2.5.4.42",
    "manager": "urn:oid:0.9.2342.19200300.100.1.10",
    "memberOf": "urn:oid:1.2.840.113556.1.2.102",
    "eduPersonAffiliation": "urn:oid:1.3.6.1.4.1.5923.1.1.1.1",
    "eduPersonPrincipalName": "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
    "eduPersonEntitlement": "urn:oid:1.3.6.1.4.1.5923.1.1.1.7",
    "eduPersonScopedAffiliation": "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
    "eduPersonUniqueId": "urn:oid:1.3.6.1.4.1.5923.1.1.1.13",
    "isMemberOf": "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
    "subject-id": "urn:oasis:names:tc:SAML:attribute:subject-id",
    "pairwise-id": "urn:oasis:names:tc:SAML:attribute:pairwise-id",
}
MACE: Final = "urn:mace:dir:attribute-def:"  # before the short name, in SAML 1 and old servers
_DIRECTORY: Final[dict[str, Names]] = {
    "username": ("uid",),
    "name": ("displayName", "cn"),
    "given_name": ("givenName",),
    "family_name": ("sn",),
    "email": ("mail",),
    "groups": ("memberOf", "isMemberOf"),
    "affiliation": ("eduPersonAffiliation",),
    "entitlement": ("eduPersonEntitlement",),
    "supervisor": ("manager",),
}
_OPENID: Final[dict[str, Names]] = {
    "username": ("preferred_username",),
    "name": ("name",),
    "given_name": ("given_name",),
    "family_name": ("family_name",),
    "email": ("email",),
    "groups": ("groups",),
    "affiliation": ("eduPersonAffiliation", "eduperson_affiliation"),
    "entitlement": ("eduPersonEntitlement", "eduperson_entitlement"),
    "supervisor": (),
}


class Enter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who can sign in: of each list that is not empty, one value has to fit."""

    groups: Names = ()
    affiliations: Names = ()  # "staff", or with its scope "staff@example.edu"
    domains: Names = ()  # of a verified address


class IdentityProvider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all kinds of identity providers have."""

    kind: ClassVar[str]
    default_attributes: ClassVar[Mapping[str, Names]] = _DIRECTORY

    id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{1,40}$")]  # in addresses, and in the database: never changed
    name: str = ""  # as in "Sign in with Example University"
    logo: str = ""  # the file of a picture for its button
    attributes: dict[str, str | Names] = {}  # what it sends -> under which names, the first that is sent counts
    trust_email: bool = False  # take an address for verified that it does not deny
    remove_missing_groups: bool = False  # where a person in no group has no such attribute
    group_names: dict[str, str] = {}  # a group, affiliation or entitlement -> the group here; empty: groups as named
    groups_allowed: Names = ()  # that it can give; empty: those of `group_names`, or all that grant no permission
    first_groups: Names = ()  # of a new account, whatever is sent
    enter: Enter = Enter()

    def attribute(self, what: str) -> Names:
        """Return the names under which the provider may send the name, the address, the groups and so on."""
        names = self.attributes.get(what, self.default_attributes[what])
        return (names,) if isinstance(names, str) else names

    @property
    def title(self) -> str:
        """What people read: its name, or else its address."""
        return self.name or self.address

    @property
    def address(self) -> str:
        """Where it is."""
        return self.id

    @property
    def can_give(self) -> Names:
        """The groups that it can give; empty: all that grant no permission."""
        return self.groups_allowed or tuple(self.group_names.values())


class OpenIDConnect(IdentityProvider, frozen=True, kw_only=True, tag="oidc"):
    """An OpenID Connect provider."""

    kind = "oidc"
    default_attributes = _OPENID
    issuer: str
    client_id: str
    client_secret: str = ""
    client_secret_file: str = ""
    scopes: Names = ("openid", "profile", "email")

    @property
    def address(self) -> str:
        """Where it is."""
        return self.issuer


class Ldap(IdentityProvider, frozen=True, kw_only=True, tag="ldap"):
    """A directory: the password is checked by a bind."""

    kind = "ldap"
    server: str  # ldaps://ldap.example.edu, or ldap://… with start_tls
    base: str  # below which people are looked for
    start_tls: bool = False
    ca_file: str = ""  # PEM; in place of the usual authorities
    bind_dn: str = ""  # who looks people up; empty: anybody can
    bind_password: str = ""
    bind_password_file: str = ""
    user_filter: str = "(uid={username})"
    group_base: str = ""  # below which groups are looked for; empty: those of the person's entry
    group_filter: str = "(|(member={dn})(uniqueMember={dn})(memberUid={username}))"
    subject: str = "entryUUID"  # what never changes, and is never given to another; Active Directory: objectGUID
    timeout_s: float = 5.0
    refused_after_s: float = 0.5  # a refusal takes at least so long, whether the person exists or not
    remove_missing_groups: bool = True  # the portal reads the whole entry

    @property
    def servers(self) -> list[str]:
        """Its addresses: libldap takes several, and so does the setting."""
        return self.server.replace(",", " ").split() or [""]

    @property
    def address(self) -> str:
        """Where it is."""
        return self.server


class Cas(IdentityProvider, frozen=True, kw_only=True, tag="cas"):
    """A CAS server, version 2 or 3 of the protocol."""

    kind = "cas"
    default_attributes = {**_DIRECTORY, "username": ("uid", "user")}  # "user" is sent by every server
    server: str  # https://cas.example.edu/cas
    version: Literal[2, 3] = 3
    subject: str = "user"  # an attribute that never changes, and is never given to another

    @property
    def address(self) -> str:
        """Where it is."""
        return self.server


class KeyPair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key of the portal with its certificate, as PEM files."""

    key_file: str
    certificate_file: str


class Saml(IdentityProvider, frozen=True, kw_only=True, tag="saml"):
    """A SAML 2 identity provider, or a federation of them."""

    kind = "saml"
    default_attributes = {**_DIRECTORY, "username": ("uid", "eduPersonPrincipalName")}
    metadata_file: str = ""  # of the institution or federation; this or the URL
    metadata_url: str = ""
    metadata_certificate_files: Names = ()  # PEM: the metadata has to be signed with the key of one of them
    institutions: Names = ()  # entity IDs of those that can sign people in; empty: all of the metadata
    entity_id: str = ""  # of the portal; empty: the address of its metadata
    keys: tuple[KeyPair, ...] = ()  # of the portal: the first signs, each decrypts
    subject: str = "name_id"  # or the attribute that never changes, and is never given to another: subject-id

    def __post_init__(self) -> None:
        """Refuse a provider without metadata, or with two sources of it."""
        if bool(self.metadata_file) == bool(self.metadata_url):
            raise ValueError("either metadata_file or metadata_url is needed")

    @property
    def address(self) -> str:
        """Where its metadata is."""
        return self.metadata_url or self.metadata_file

    def attribute(self, what: str) -> Names:
        """Return the names, each also as object identifier."""
        return tuple(same for name in super().attribute(what) for same in names_of_attribute(name))


def names_of_attribute(name: str) -> Names:
    """Return the names under which SAML sends an attribute."""
    return (name, OIDS[name], f"{MACE}{name}") if name in OIDS else (name,)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    provider: list[OpenIDConnect | Ldap | Cas | Saml] = []


def read_providers(text: str) -> list[IdentityProvider]:
    """Return the providers of a TOML text, with the secrets that it names as files.

    Raises OSError or ValueError with a sentence for whoever starts the portal.
    """
    try:
        found = msgspec.toml.decode(text, type=_File).provider
    except ValueError as error:  # msgspec names the place: `$.provider[0].scopes`
        raise ValueError(f"IDENTITY_PROVIDERS: {error}") from error
    ids = [each.id for each in found]
    if twice := {name for name in ids if ids.count(name) > 1 or name == INSTITUTION}:
        raise ValueError(f"IDENTITY_PROVIDERS: another provider has the id {min(twice)}.")
    for each in found:
        if unknown := set(each.attributes) - set(each.default_attributes):
            raise ValueError(f"IDENTITY_PROVIDERS: {each.id} has no attribute {min(unknown)}.")
    return [_with_secrets(each) for each in found]


def _with_secrets(provider: IdentityProvider) -> IdentityProvider:
    """Return the provider with the content of each file that `…_file` names as the secret."""
    fields = msgspec.structs.asdict(provider)
    files = {name: fields[f"{name}_file"] for name in fields if fields.get(f"{name}_file")}
    return msgspec.structs.replace(provider, **{name: Path(file).read_text().strip() for name, file in files.items()})


def institution_of_settings() -> OpenIDConnect:
    """Return the provider of the settings OIDC_…"""
    return OpenIDConnect(
        id=INSTITUTION,
        name=settings.OIDC_NAME,
        issuer=settings.OIDC_ISSUER,
        client_id=settings.OIDC_CLIENT_ID,
        client_secret=settings.OIDC_CLIENT_SECRET,
        scopes=tuple(settings.OIDC_SCOPES),
        attributes={"groups": settings.OIDC_GROUPS_CLAIM},
        trust_email=settings.OIDC_TRUST_EMAIL,
        remove_missing_groups=settings.OIDC_REMOVE_MISSING_GROUPS,
        groups_allowed=tuple(settings.OIDC_GROUPS_ALLOWED),
    )


def identity_providers() -> list[IdentityProvider]:
    """Return all, in the order of the sign-in page."""
    first = [institution_of_settings()] if settings.OIDC_ISSUER else []
    return [*first, *settings.IDENTITY_PROVIDERS]


def names_of_providers() -> str:
    """Return their names, as in "Sign in with …"; "" if none has any."""
    return ", ".join(each.name for each in identity_providers() if each.name)


def identity_provider(provider_id: str) -> IdentityProvider | None:
    """Return the provider of this id, or None."""
    return next((each for each in identity_providers() if each.id == provider_id), None)
