"""People whom an institution provisions: which account each is, and what changes of it (ADR 50).

The rules are those of a sign-in (ADR 47): never an account with rights, nor one with a password of the portal.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.audit import Actor, record_people_changes, record_person_change
from accounts.entry import complete_claims
from accounts.identity_providers import IdentityProvider
from accounts.mail_addresses import as_mail_address
from accounts.models import AuditAction, ScimClient, ScimUser, User
from accounts.models.scim import folded
from accounts.rights import permissions_of
from accounts.services import give_first_groups, take_over_address, take_over_groups_of_people, take_over_name
from people.services import take_back

AT_ONCE: Final = 2_000  # people whose groups are read and written together


class Taken(Exception):
    """Another account or another provisioned person has the name or the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """What a client says about a person."""

    user_name: str
    external_id: str
    active: bool
    attributes: dict[str, Any]  # JSON, as SCIM has them
    given_name: str = ""
    family_name: str = ""
    display_name: str = ""
    address: str = ""

    def claims(self, provider: IdentityProvider) -> dict[str, Any]:
        """Return it as the claims of a sign-in."""
        names = {"given_name": self.given_name[:150], "family_name": self.family_name[:150]}
        found: dict[str, Any] = {**names, "name": self.display_name[:300]}
        if self.address.isascii() and as_mail_address(self.address):
            found |= {"email": self.address, "email_verified": provider.trust_email}
        return {name: value for name, value in found.items() if value}


def create(client: ScimClient, provider: IdentityProvider, sent: Provisioned, actor: Actor) -> ScimUser:
    """Provision a person: with the account that is theirs by the rules, or a new one. Raises Taken.

    Whom the client deleted before gets the same account again.
    """
    name = folded(sent.user_name)
    rows = ScimUser.objects.filter(client=client)
    if rows.listed().filter(user_name=name).exists():
        raise Taken
    same = Q(external_id=sent.external_id) if sent.external_id else Q(user_name=name)
    former = rows.exclude(deleted_at=None).filter(same).select_related("person").order_by("-deleted_at").first()
    if former:
        ScimUser.objects.filter(pk=former.pk).update(deleted_at=None, version=former.version + 1)
        former.refresh_from_db()
        return change(former, provider, sent, actor, before=None)
    person, action = _account_of(client, provider, sent)
    about = {"user_name": name, "external_id": sent.external_id, "attributes": sent.attributes, "active": sent.active}
    row = ScimUser.objects.create(client=client, person=person, **about)
    record_person_change(actor=actor, action=action, person=person)
    return row


def change(
    row: ScimUser, provider: IdentityProvider, sent: Provisioned, actor: Actor, *, before: Provisioned | None
) -> ScimUser:
    """Write what a client says now, and take over what differs from what it said before. Raises Taken."""
    name, person = folded(sent.user_name), row.person
    others = ScimUser.objects.filter(client=row.client_id).listed().exclude(pk=row.pk)
    if others.filter(user_name=name).exists():
        raise Taken
    if sent.active and not row.active:  # first: the nightly check locks the list before the account
        take_back(person, source=row.client.provider, actor=actor)
    claims, earlier = sent.claims(provider), before.claims(provider) if before else {}
    take_over_name(user=person, claims=claims, before=earlier)
    if not _is_protected(person) and not take_over_address(
        user=person, claims=claims, before=earlier, institution=provider.title
    ):
        raise Taken
    row.user_name, row.external_id = name, sent.external_id
    row.attributes, row.active = sent.attributes, sent.active
    row.changed_at, row.version = timezone.now(), row.version + 1
    row.save()
    return row


def remove(row: ScimUser) -> None:
    """Write that a client deleted a person: they are in none of its groups, and the account is leaving."""
    row.groups.update(version=F("version") + 1, changed_at=timezone.now())
    row.groups.clear()
    row.active, row.deleted_at, row.changed_at = False, timezone.now(), timezone.now()
    row.save(update_fields=["active", "deleted_at", "changed_at"])


def take_memberships(ids: Iterable[UUID], provider: IdentityProvider, actor: Actor) -> None:
    """Give and take the groups of the portal that the memberships of these people mean, as at a sign-in.

    A client reads the memberships with the person, so these have another version. People are read and written many
    at once: a group can have thousands of members.
    """
    wanted = list(ids)
    for first in range(0, len(wanted), AT_ONCE):
        rows = ScimUser.objects.filter(pk__in=wanted[first : first + AT_ONCE])
        rows.update(version=F("version") + 1, changed_at=timezone.now())
        claims = {}
        for row in rows.select_related("person").prefetch_related("groups").order_by("person"):
            named = {"groups": [group.name for group in row.groups.all()]}
            completed, _is_told = complete_claims(provider, named, {})
            claims[row.person] = completed["groups"]
        changes = take_over_groups_of_people(claims, allowed=provider.can_give)
        record_people_changes(actor=actor, changes=changes)


def _account_of(client: ScimClient, provider: IdentityProvider, sent: Provisioned) -> tuple[User, AuditAction]:
    """Return the account of a person, and whether it is new or linked. Raises Taken."""
    claims = sent.claims(provider)
    address = User.objects.normalize_email(claims.get("email"))
    free = _could_be_linked(client)
    by_subject = SocialAccount.objects.filter(provider=provider.id, uid=sent.external_id).values("user")
    known = free.filter(pk__in=by_subject).first()
    if known is None and by_subject.exists():
        raise Taken
    if known is None and address and provider.trust_email:
        elsewhere = SocialAccount.objects.filter(user=OuterRef("pk"))
        provisioned = ScimUser.objects.filter(person=OuterRef("pk"))  # by another client, whose person it is
        unlinked = free.filter(~Exists(elsewhere), ~Exists(provisioned), email=address)
        known = next((user for user in unlinked if not user.has_usable_password()), None)
    if known:
        return known, AuditAction.LINK
    clash = Q(username__iexact=sent.user_name) | (Q(email=address) if address else Q(pk=None))
    if User.objects.filter(clash).exists():
        raise Taken
    first, _space, last = sent.display_name.partition(" ")
    names = {"first_name": claims.get("given_name", first[:150]), "last_name": claims.get("family_name", last[:150])}
    person = User.objects.create_user(username=sent.user_name, email=address, password=None, **names)
    if address:
        EmailAddress.objects.create(user=person, email=address, verified=provider.trust_email, primary=True)
    give_first_groups(user=person, names=provider.first_groups)
    return person, AuditAction.ISSUE


def _could_be_linked(client: ScimClient) -> QuerySet[User]:
    """Return open accounts without rights that the client has not provisioned yet."""
    theirs = ScimUser.objects.filter(client=client, person=OuterRef("pk"))
    rights = permissions_of(OuterRef("pk"))
    about = {"is_active": True, "anonymised_at": None, "is_staff": False, "is_superuser": False}
    return User.objects.filter(~Exists(theirs), ~Exists(rights), **about)


def _is_protected(person: User) -> bool:
    """Return whether another address could let somebody into the account who should not be."""
    has_rights = person.is_superuser or person.is_staff or permissions_of(person.pk).exists()
    return has_rights or person.has_usable_password()
