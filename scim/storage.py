"""Reads and writes the rows of one client for scim2-server, which knows the protocol. An operation is a transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, cast
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from scim2_models import (
    InvalidFilterException,
    InvalidValueException,
    NotFoundException,
    NotImplementedException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ScimFilter,
    SearchRequest,
    UniquenessException,
)
from scim2_models.path import CompareOperator, Comparison
from scim2_server.storage import ScimStorage, SearchPage

from accounts.audit import Actor
from accounts.identity_providers import IdentityProvider
from accounts.models import ScimClient, ScimGroup, ScimUser
from accounts.models import User as Account
from accounts.models.scim import folded
from scim.resources import Group, User, group_resource, provisioned, user_resource
from scim.services import people
from web.tasks import ask_worker

MOST_MATCHED: Final = 5_000  # rows for a filter that the database does not answer
LONGEST: Final = {"userName": 150, "displayName": 150, "externalId": 255}  # characters
MOST_CHARACTERS: Final = 20_000  # of the attributes of one person
LAST_ROW: Final = 2**31  # a page behind it is empty, without a query that no database answers
USER: Final = "urn:ietf:params:scim:schemas:core:2.0:user:"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:group:"
INDEXED: Final = {  # attribute -> column, for `eq`
    f"{USER}username": "user_name",
    f"{GROUP}displayname": "folded_name",
    "externalid": "external_id",
    "id": "pk",
}


class AccountStorage(ScimStorage):
    """The people and groups of one client."""

    def __init__(self, client: ScimClient, provider: IdentityProvider, actor: Actor, *, is_change: bool) -> None:
        self.client = client
        self.provider = provider
        self.actor = actor
        self.is_change = is_change

    def shown(self, resource_type: ResourceType, resource_id: str) -> Resource[Any]:
        """Return one as clients see it: inactive where the account is, whoever deactivated it."""
        return _resource(self._row(resource_type, resource_id))

    @contextmanager
    def operation(self) -> Iterator[None]:
        """Commit all of a request or nothing; of two writers at once, the second waits."""
        try:
            with transaction.atomic():
                ScimClient.objects.select_for_update().get(pk=self.client.pk)
                yield
        except (IntegrityError, people.Taken) as error:
            raise UniquenessException from error

    def get(self, resource_type: ResourceType, resource_id: str, *, response_parameters: Any = None) -> Resource[Any]:
        """Return one; raises NotFoundException. Before a change: as the client wrote it, or what the portal did since
        would be taken for its words.
        """
        row = self._row(resource_type, resource_id)
        return user_resource(row, as_sent=self.is_change) if isinstance(row, ScimUser) else group_resource(row)

    def search(
        self, resource_types: list[ResourceType], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        """Return a page. `eq` of the name and of both ids is a query; other filters go through what there is."""
        if len(resource_types) != 1:
            raise NotImplementedException(detail="Search people or groups, not both at once.")
        rows = self._rows(resource_types[0])
        start, count = min(search_request.start_index_0 or 0, LAST_ROW), search_request.count
        stop = None if count is None else start + count
        scim_filter = search_request.filter
        found = _by_index(rows, scim_filter) if scim_filter else rows
        if scim_filter is None or found is not None:
            page = rows if found is None else found
            return SearchPage(page.count(), [_resource(row) for row in page[start:stop]])
        if rows.count() > MOST_MATCHED:
            raise InvalidFilterException(detail="Only eq of userName, displayName, externalId or id, of so many.")
        matching = [each for each in map(_resource, rows) if scim_filter.match(each)]
        return SearchPage(len(matching), matching[start:stop])

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Store a new one; raises UniquenessException, in `operation`."""
        _check(resource)
        if isinstance(resource, Group):
            return group_resource(self._write_group(ScimGroup(client=self.client), resource))
        sent = provisioned(cast("User", resource))
        row = people.create(self.client, self.provider, sent, self.actor)
        self._check_leaving(is_active=sent.active)
        return self.shown(resource_type, str(row.pk))

    def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        """Replace one, and return what was given; raises NotFoundException, PreconditionFailedException."""
        _check(resource)
        row = self._row(resource_type, resource.id or "", version=expected_version)
        if isinstance(resource, Group):
            self._write_group(row, resource)
        else:
            sent, before = provisioned(cast("User", resource)), provisioned(user_resource(row))
            people.change(row, self.provider, sent, self.actor, before=before)
            self._check_leaving(is_active=sent.active)
        return resource

    def delete(self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None) -> None:
        """Delete one: a group for good; of a person the account is leaving."""
        row = self._row(resource_type, resource_id, version=expected_version)
        if isinstance(row, ScimUser):
            people.remove(row)
            people.take_memberships([row.pk], self.provider, self.actor)
            self._check_leaving(is_active=False)
        else:
            members = list(row.members.values_list("pk", flat=True))
            row.delete()
            people.take_memberships(members, self.provider, self.actor)

    def _rows(self, resource_type: ResourceType) -> QuerySet[Any]:
        if resource_type.name == "User":
            rows: QuerySet[Any] = (
                ScimUser.objects.listed().select_related("person", "client").prefetch_related("groups")
            )
        else:
            rows = ScimGroup.objects.prefetch_related("members")
        return rows.filter(client=self.client).order_by("created_at", "pk")

    def _row(self, resource_type: ResourceType, resource_id: str, *, version: str | None = None) -> Any:
        """Return one, of this version if it is given."""
        number = _uuid(resource_id)
        row = self._rows(resource_type).filter(pk=number).first() if number else None
        if row is None:
            raise NotFoundException(detail=f"{resource_type.name} not found")
        if version is not None and version != f'W/"{row.version}"':
            raise PreconditionFailedException
        return row

    def _write_group(self, row: ScimGroup, resource: Group) -> ScimGroup:
        """Store a group and its members, and give and take what that means for those who come and go."""
        is_new, renamed = row._state.adding, row.name != resource.display_name
        row.name, row.folded_name = resource.display_name or "", folded(resource.display_name or "")
        row.external_id, row.changed_at = resource.external_id or "", timezone.now()
        row.version = 1 if is_new else row.version + 1
        row.save()
        before = set(row.members.values_list("pk", flat=True))
        named = {_uuid(each.value or "") for each in resource.members or ()}
        known = [number for number in named if number]
        members = ScimUser.objects.listed().filter(client=self.client, pk__in=known)
        after = set(members.values_list("pk", flat=True))
        if len(after) != len(named):
            raise InvalidValueException(detail="A member is none of the people that this client provisioned.")
        row.members.set(members)
        changed = before | after if renamed else before ^ after
        people.take_memberships(changed, self.provider, self.actor)
        return row

    def _check_leaving(self, *, is_active: bool) -> None:
        """Put people on the list of leaving accounts, or take them off, after the commit."""
        if not is_active:
            transaction.on_commit(partial(ask_worker, "people.check_provisioned"), robust=True)


def _resource(row: ScimUser | ScimGroup) -> Resource[Any]:
    return user_resource(row) if isinstance(row, ScimUser) else group_resource(row)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _by_index(rows: QuerySet[Any], scim_filter: ScimFilter[Any]) -> QuerySet[Any] | None:
    """Return the rows of a filter that the database answers; None for any other."""
    node = scim_filter.ast
    if not isinstance(node, Comparison) or node.op != CompareOperator.eq or not isinstance(node.value, str):
        return None
    binding = scim_filter.resolve_comparison(node.attr_path, strict=False)
    column = INDEXED.get(binding.urn.lower()) if binding else None
    if binding is None or column is None:
        return None
    if not _can_be_stored(node.value):
        return rows.none()
    if column == "pk":
        return rows.filter(pk=_uuid(node.value)) if _uuid(node.value) else rows.none()
    return rows.filter(**{column: folded(node.value) if column != "external_id" else node.value})


def _check(resource: Resource[Any]) -> None:
    """Refuse what the database cannot store, or what is too long. Raises InvalidValueException."""
    dumped = resource.model_dump(exclude={"members", "groups", "meta"})
    for name, longest in LONGEST.items():
        if max(map(len, _spellings(dumped.get(name) or ""))) > longest:
            raise InvalidValueException(detail=f"{name} has more than {longest} characters.")
    texts = list(_texts(dumped))
    if sum(map(len, texts)) > MOST_CHARACTERS:
        raise InvalidValueException(detail=f"The attributes have more than {MOST_CHARACTERS} characters.")
    if not all(map(_can_be_stored, texts)):
        raise InvalidValueException(detail="A text has a character that cannot be stored.")
    required = dumped.get("displayName" if isinstance(resource, Group) else "userName")
    if not str(required or "").strip():
        raise InvalidValueException(detail="The name is empty.")


def _spellings(text: str) -> tuple[str, ...]:
    """Return the forms in which a name is stored; a letter can become several."""
    return text, folded(text), Account.normalize_username(text)


def _can_be_stored(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def _texts(value: Any) -> Iterator[str]:
    """Go through all texts of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
