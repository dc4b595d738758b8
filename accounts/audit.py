"""The audit trail of changes to keys, policies and people: written here, changed nowhere (ADR 20)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.events import publish_entry
from accounts.models import (
    MAX_LABEL_LENGTH,
    AuditAction,
    AuditEntry,
    AuditEntryQuerySet,
    AuditObject,
    AuditOutcome,
    AuditRepeat,
    KeyRule,
    Policy,
    User,
)
from gateway.secret import has_secret, redact
from web.request import client_address

if TYPE_CHECKING:
    from web.request import PortalRequest


NAMING_CODES: Final = ("label_before", "leak", "person.changes")  # whose values may contain a person's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something, and from which address."""

    user: User | None = None  # None: the portal itself
    address: str | None = None
    via: str = ""  # how they came, where not by a sign-in; the code "via.…" has its words
    token: str = ""  # the last characters of the access token, where it was one


BY_THE_PORTAL = Actor()


def actor_of(request: "PortalRequest") -> Actor:
    """Return the person and the address of a request."""
    return Actor(user=request.user, address=client_address(request))


def record(
    *,
    actor: Actor,
    action: AuditAction | str,
    outcome: AuditOutcome | str,
    kind: AuditObject | str,
    object_id: object,
    label: str = "",
    subject: User | None = None,
    on_behalf_of: str = "",
    code: str = "",
    details: Mapping[str, Any] | None = None,
    save: bool = True,
) -> AuditEntry:
    """Write one entry about an object, and its message to webhooks, where it is one; joins the caller's transaction.

    Without `save`, only return it.

    `subject` is the person concerned: the key's owner, or the person themselves. `on_behalf_of` is the intern who
    uses the key. accounts.audit_words turns `code` and `details` (JSON, no sentences, never a secret)
    into words.
    """
    entry = AuditEntry(
        actor=actor.user,
        actor_name=actor.user.display_name if actor.user else "",
        subject=subject,
        on_behalf_of=_without_secret(on_behalf_of),
        action=AuditAction(action),
        outcome=AuditOutcome(outcome),
        object_kind=AuditObject(kind),
        object_id=str(object_id),
        label=_without_secret(label)[:MAX_LABEL_LENGTH],
        address=actor.address,
        code=code,
        details={
            **{name: redact(value) if isinstance(value, str) else value for name, value in (details or {}).items()},
            **({"via": actor.via} if actor.via else {}),
            **({"token": actor.token} if actor.token else {}),
        },
    )
    if save:
        with transaction.atomic(savepoint=False):
            entry.save(force_insert=True)
            publish_entry(entry)
    return entry


def record_policy_change(
    *, actor: Actor, action: AuditAction, policy: Policy, changes: Mapping[str, Sequence[Any]] | None = None
) -> AuditEntry:
    """Record that a policy was created (ISSUE), changed or deleted; call it before a deletion.

    `changes`: field of the policy, or "kind.field" of a rule -> [value before, value after], as JSON values.
    """
    return record(
        actor=actor,
        action=action,
        outcome=AuditOutcome.DONE,
        kind=AuditObject.POLICY,
        object_id=policy.pk,
        label=policy.group.name if policy.group else "",
        code="policy.changes" if changes else "",
        details={"changes": dict(changes)} if changes else {},
    )


def policy_values(policy: Policy, rules: Iterable[KeyRule] | None = None) -> dict[str, Any]:
    """Return all that a policy says, as JSON has it, of its rules as "personal.budget_usd": for `changes_between`.

    `rules`: those that are not saved yet; else those of the database.
    """
    values = _values(policy)
    for rule in KeyRule.objects.filter(policy=policy).order_by("pk") if rules is None else rules:
        values |= {f"{rule.kind}.{name}": value for name, value in _values(rule).items()}
    return values


def _values(row: Policy | KeyRule) -> dict[str, Any]:
    fields = (field for field in row._meta.concrete_fields if field.name not in ("id", "group", "policy", "kind"))
    return {field.name: _as_json(field, field.value_from_object(row)) for field in fields}


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the differences, as [value before, value after] by field; None for a missing field."""
    names = dict.fromkeys([*before, *after])
    return {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}


def _as_json(field: Any, value: Any) -> Any:
    """Return a value as the database gives it back, whether it was saved or only typed: 5 as "5.00", times in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(round(value, field.decimal_places)) if isinstance(value, Decimal) else value


def record_person_change(
    *,
    actor: Actor,
    action: AuditAction,
    person: User,
    changes: Mapping[str, Sequence[Any]] | None = None,
    save: bool = True,
) -> AuditEntry:
    """Record what was done to a person's account or rights.

    `changes`: field -> [value before, value after]; [] for values that do not belong in the trail (a name, an address).
    """
    return record(
        actor=actor,
        action=action,
        outcome=AuditOutcome.DONE,
        kind=AuditObject.PERSON,
        object_id=person.pk,
        subject=person,
        code="person.changes" if changes else "",
        details={"changes": dict(changes)} if changes else {},
        save=save,
    )


def record_people_changes(*, actor: Actor, changes: Iterable[tuple[User, Mapping[str, Sequence[Any]]]]) -> None:
    """Record a change of each of these people, all in one query."""
    AuditEntry.objects.bulk_create(
        record_person_change(actor=actor, action=AuditAction.CHANGE, person=person, changes=theirs, save=False)
        for person, theirs in changes
    )


def record_group_change(
    *, actor: Actor, action: AuditAction, group: Group, changes: Mapping[str, Sequence[Any]] | None = None
) -> AuditEntry:
    """Record that a group was created (ISSUE), changed or deleted; call it before a deletion."""
    return record(
        actor=actor,
        action=action,
        outcome=AuditOutcome.DONE,
        kind=AuditObject.GROUP,
        object_id=group.pk,
        label=group.name,
        code="group.changes" if changes else "",
        details={"changes": dict(changes)} if changes else {},
    )


def forget_names(person: User) -> None:
    """Blank a person's names in the trail: as actor, and in entries about them and their keys.

    Addresses too; who, what and when stay. Idempotent.
    """
    AuditEntry.objects.filter(actor=person).update(actor_name="", address=None)
    theirs = AuditEntry.objects.filter(subject=person)
    theirs.update(label="", on_behalf_of="")
    theirs.filter(code__in=NAMING_CODES).update(details={})


def forget_names_on(kind: AuditObject, ids: Iterable[object], *, but: Sequence[str]) -> None:
    """Blank people's names in entries about these objects, `but` for some columns. Idempotent."""
    blank = {name: "" for name in ("label", "on_behalf_of") if name not in but}
    AuditEntry.objects.filter(object_kind=kind, object_id__in=[str(each) for each in ids]).update(**blank)


def _without_secret(text: str) -> str:
    """Blank a secret in typed text, as in the alias of a key that was made outside of the portal."""
    return redact(text) if has_secret(text) else text


def record_repeatable(
    write: Callable[[], AuditEntry],
    *,
    actor: Actor,
    action: AuditAction,
    outcome: AuditOutcome,
    owner: User,
    code: str,
) -> None:
    """Write an entry by `write` about something that can be repeated without end; within the hour, only count repeats.

    The entry is that of the first time. Actions of the portal itself are always written. `code` distinguishes kinds.
    """
    if actor.user is None:
        write()
        return
    now = timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    kind = {"actor": actor.user, "owner": owner, "action": action, "outcome": outcome, "code": code[:40], "hour": hour}
    same = AuditRepeat.objects.filter(**kind)
    if same.update(count=F("count") + 1, last_at=now):
        return
    try:
        with transaction.atomic():
            AuditRepeat.objects.create(entry=write(), last_at=now, **kind)
    except IntegrityError:  # another request was the first within this hour
        same.update(count=F("count") + 1, last_at=now)


def entries_of_key(key_id: UUID) -> AuditEntryQuerySet:
    """Return the entries about the key, newest first. The caller has checked whose key it is."""
    return AuditEntry.objects.of_key(key_id)


def entries_of_keys_of(user: User) -> AuditEntryQuerySet:
    """Return the entries about the person's keys, by any actor, newest first."""
    return AuditEntry.objects.of_subject(user).filter(object_kind=AuditObject.KEY)
