"""The resources that the portal serves, in the words of SCIM's core schema, and what it announces of itself.

Imported only where a request of a client is served: most portals have none.
"""

from typing import Annotated, Any, ClassVar, Final

from pydantic import Field
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Filter,
    GroupMembership,
    Meta,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)
from scim2_models import Name as ScimName

from accounts.models import ScimGroup, ScimUser
from scim.services.people import Provisioned

MAX_RESULTS: Final = 200
KEPT: Final = ("userName", "name", "displayName", "emails", "active")  # attributes as they were sent


class Email(ComplexAttribute):
    """An address, as it was sent: the library's own type makes other letters ASCII ones, as the Kelvin sign a "K"."""

    value: str | None = None
    type: str | None = Field(None, examples=["work", "home", "other"])
    primary: bool | None = None


class User(Resource[Any]):
    """A person, with the attributes that the portal uses."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    name: ScimName | None = None
    display_name: str | None = None
    active: bool | None = None
    emails: list[Email] | None = None
    groups: Annotated[list[GroupMembership] | None, Mutability.read_only] = None

    Emails: ClassVar[type] = Email
    Name: ClassVar[type] = ScimName


class Member(ComplexAttribute):
    """One person of a group; groups in groups are not provisioned."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    ref: Annotated[Reference[User] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])


class Group(Resource[Any]):
    """A group with its members."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true, Uniqueness.server] = None
    members: list[Member] | None = None

    Members: ClassVar[type] = Member


CONFIG: Final = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
    filter=Filter(supported=True, max_results=MAX_RESULTS),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=False),
    etag=ETag(supported=True),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="Bearer token",
            description="A token that an administrator of the portal created for this client.",
        )
    ],
)
PROVIDER: Final = ScimProvider(
    models=[User, Group],
    config=CONFIG,
    policy=ScimPolicy(  # as widespread clients need it
        unknown=ScimPolicy.Unknown.ignore,
        remove_value_as_filter=ScimPolicy.RemoveValue.apply,
        unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
    ),
)


def user_resource(row: ScimUser, *, as_sent: bool = False) -> User:
    """Return a person as SCIM has them; `as_sent`: whatever became of the account. Its groups are prefetched."""
    user: User = User.model_validate(row.attributes)
    user.id, user.external_id = str(row.pk), row.external_id or None
    if not (row.active and (as_sent or row.person.is_active)):
        user.active = False
    groups = sorted(row.groups.all(), key=lambda group: group.folded_name)
    user.groups = [
        GroupMembership(value=str(group.pk), ref=None, display=group.name, type="direct") for group in groups
    ] or None
    user.meta = _meta("User", row)
    return user


def group_resource(row: ScimGroup, *, with_members: bool = True) -> Group:
    """Return a group as SCIM has it."""
    group = Group(id=str(row.pk), external_id=row.external_id or None, display_name=row.name)
    if with_members:
        members = sorted(row.members.all(), key=lambda member: member.user_name)
        group.members = [
            Member(value=str(each.pk), ref=Reference[User](f"Users/{each.pk}"), type="User") for each in members
        ] or None
    group.meta = _meta("Group", row)
    return group


def _meta(name: str, row: ScimUser | ScimGroup) -> Meta:
    return Meta(
        resource_type=name,
        created=row.created_at,
        last_modified=row.changed_at,
        version=f'W/"{row.version}"',
    )


def provisioned(user: User) -> Provisioned:
    """Return what a client says about a person."""
    dumped = user.model_dump()
    emails = user.emails or []
    chosen = next((each for each in emails if each.primary), None)
    chosen = chosen or next((each for each in emails if each.type == "work"), None) or next(iter(emails), None)
    return Provisioned(
        user_name=user.user_name or "",
        external_id=user.external_id or "",
        active=user.active is not False,
        attributes={name: dumped[name] for name in KEPT if name in dumped} | {"schemas": [str(User.__schema__)]},
        given_name=(user.name and user.name.given_name) or "",
        family_name=(user.name and user.name.family_name) or "",
        display_name=user.display_name or (user.name and user.name.formatted) or "",
        address=str(chosen.value or "") if chosen else "",
    )
