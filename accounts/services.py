"""Changes of people in more than one table."""

import logging
from collections.abc import Collection, Iterable, Mapping, Set
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import F, Model

from accounts.mail_addresses import as_mail_address
from accounts.mails import send_later
from accounts.models import User
from accounts.rights import update_staff_status

logger = logging.getLogger(__name__)


def unverified_among(people: Iterable[User]) -> set[int]:
    """Return the ids of those whose address they or the institution gave, and nobody has verified.

    An address that an admin, or a teacher's invitation, gave has no row of its own, and counts as verified.
    """
    rows = EmailAddress.objects.filter(user__in=people, email=F("user__email"), verified=False)
    return set(rows.values_list("user", flat=True))


def groups_claimed(claimed: Iterable[str], allowed: Collection[str]) -> tuple[set[Group], list[str]]:
    """Return the groups here that a claim gives, and the names of those here that it cannot give."""
    here = Group.objects.filter(name__in=list(claimed))
    named = set(here.filter(name__in=allowed) if allowed else here.filter(permissions=None))
    return named, [group.name for group in here if group not in named]


def take_over_groups(*, user: User, claimed: Iterable[str], allowed: Collection[str]) -> None:
    """Add the person to the groups of these names that exist here, and remove them from those that the last claim gave.

    A claim can give the groups of `allowed`; if that is empty, those that grant no permission. Groups that
    were given here stay, claimed or not. Idempotent.
    """
    take_over_groups_of_people({user: claimed}, allowed=allowed)


@transaction.atomic
def take_over_groups_of_people(
    claims: Mapping[User, Iterable[str]], *, allowed: Collection[str]
) -> list[tuple[User, dict[str, list[list[str]]]]]:
    """Do the same for many people, each with their claim, in as many queries as for one.

    Return whose groups changed, with the names before and after, as the audit trail has changes.
    """
    claimed = {user: set(names) for user, names in claims.items()}
    found, refused = groups_claimed(set().union(*claimed.values()), allowed)
    ids = {group.name: group.pk for group in found}
    members, given = User.groups.through, User.institution_groups.through
    member_rows, given_rows = _rows_by_user(members, claimed), _rows_by_user(given, claimed)
    groups_after, given_after, changes = {}, {}, []
    for user, theirs in claimed.items():
        if not_given := sorted(theirs.intersection(refused)):
            logger.info("not given to account %d by the institution: %s", user.pk, ", ".join(not_given))
        named = theirs & ids.keys()
        before, were_given = member_rows[user.pk].keys(), given_rows[user.pk].keys()
        groups_after[user.pk] = after = (before - were_given) | named
        given_after[user.pk] = (were_given & named) | (named - before)
        if before != after:
            changes.append((user, {"groups": [sorted(before), sorted(after)]}))
    _write_rows(members, member_rows, groups_after, ids)
    _write_rows(given, given_rows, given_after, ids)
    update_staff_status(User.objects.filter(pk__in=groups_after))
    return changes


def _rows_by_user(through: type[Model], users: Iterable[User]) -> dict[int, dict[str, int]]:
    """Return the names of each person's groups, with the id of the row."""
    found: dict[int, dict[str, int]] = {user.pk: {} for user in users}
    rows = through._default_manager.filter(user__in=list(found))
    for pk, user, name in rows.values_list("pk", "user_id", "group__name"):
        found[user][name] = pk
    return found


def _write_rows(
    through: type[Model],
    before: Mapping[int, Mapping[str, int]],
    after: Mapping[int, Set[str]],
    ids: Mapping[str, int],
) -> None:
    """Write who is in which groups, where it differs; `ids` of the groups that somebody comes into."""
    gone = [row for user, rows in before.items() for name, row in rows.items() if name not in after[user]]
    new = [(user, ids[name]) for user, names in sorted(after.items()) for name in sorted(names - before[user].keys())]
    if gone:
        through._default_manager.filter(pk__in=gone).delete()
    through._default_manager.bulk_create(
        (through(user_id=user, group_id=group) for user, group in new),
        ignore_conflicts=True,  # of two sign-ins at once
    )


def take_over_name(*, user: User, claims: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Take over the name if the institution has changed it since `before`, the claims of the last sign-in."""
    first, last = _name_in(claims)
    if (first or last) and (first, last) != _name_in(before) and (first, last) != (user.first_name, user.last_name):
        user.first_name, user.last_name = first, last
        user.save(update_fields=["first_name", "last_name"])


def _name_in(claims: Mapping[str, Any]) -> tuple[str, str]:
    """Return first and last name, each "" if missing, as a new account gets them."""
    first, _space, last = str(claims.get("name") or "").partition(" ")
    return (claims.get("given_name") or first)[:150], (claims.get("family_name") or last)[:150]


def give_first_groups(*, user: User, names: Collection[str]) -> None:
    """Add a new person to the groups that every new account of their identity provider gets; they stay."""
    groups = Group.objects.filter(name__in=names)
    user.groups.add(*groups)
    if missing := set(names) - {group.name for group in groups}:
        logger.warning("account %d: there is no group %s to begin with", user.pk, ", ".join(sorted(missing)))
    update_staff_status(User.objects.filter(pk=user.pk))


def take_over_address(*, user: User, claims: Mapping[str, Any], before: Mapping[str, Any], institution: str) -> bool:
    """Take over the address if the institution has changed it since `before`; notify the former one.

    False if it could not be changed, and should be tried again: another account has it, or nobody has verified it
    and the account has a password, whose reset links go to the address.
    """
    new = User.objects.normalize_email(as_mail_address(claims.get("email")))
    if not new or new in (User.objects.normalize_email(before.get("email")), user.email):
        return True
    verified = claims["email_verified"]
    others_confirmed = EmailAddress.objects.exclude(user=user).filter(email=new, verified=True)
    if others_confirmed.exists() or (user.has_usable_password() and not verified):
        logger.warning("account %d keeps its address: the institution's new one is not verified, or taken", user.pk)
        return False
    old, user.email = user.email, new
    try:
        with transaction.atomic():
            user.save(update_fields=["email"])
            EmailAddress.objects.filter(user=user).delete()  # former ones: links to the account would still go there
            EmailAddress.objects.create(user=user, email=new, verified=verified, primary=True)
    except IntegrityError:
        user.email = old
        logger.warning("account %d keeps its address: somebody else here has the institution's new one", user.pk)
        return False
    if old:
        send_later("email_changed", user, to=old, new=new, institution=institution)
    return True


def change_address(*, user: User, before: str, by: str) -> None:
    """Make an address that an admin entered the person's only one; notify the former one.

    `by`: the admin's name. A former address that stayed confirmed would still receive links to the account.
    """
    EmailAddress.objects.filter(user=user).exclude(email=user.email).delete()
    if before:
        send_later("email_changed", user, to=before, new=user.email, by=by)
