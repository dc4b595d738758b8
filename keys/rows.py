"""Keys as pages list them: each with its state and available actions, in groups, the most urgent first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from keys.models import Key
from keys.services.lifetimes import is_renewable, is_rotatable, may_end_leak
from keys.status import NEEDS_OWNER, BudgetUse, Status, status_of
from keys.use import KeyUse, PersonUse, pressing_budget

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A key as a template needs it."""

    key: Key
    status: Status
    may_renew: bool
    may_rotate: bool
    may_end_leak: bool
    may_relabel: bool
    may_delete: bool  # its owner; admins delete blocked keys, too
    may_pause: bool
    may_resume: bool
    may_limit: bool
    use: KeyUse | None = None


def row_of(key: Key, budget: BudgetUse | None = None, use: KeyUse | None = None) -> Row:
    """Return `key` with its state, including its `budget` if known, and the available actions.

    The secret of a course's key is replaced on the course's page.
    """
    of_course, is_frozen = key.kind == Key.Kind.COURSE, key.team is not None and key.team.frozen_at is not None
    return Row(
        key=key,
        status=status_of(key, budget),
        may_renew=is_renewable(key),
        may_rotate=is_rotatable(key) and not of_course,
        may_end_leak=may_end_leak(key) and not of_course,
        may_relabel=is_deletable(key),
        may_delete=is_deletable(key) and not key.is_kept_while_blocked,
        may_pause=key.state == Key.State.ACTIVE and not key.blocked and key.kind != Key.Kind.EXTERNAL,
        may_resume=key.state == Key.State.ACTIVE and key.is_paused and not (key.blocked_for_budget or is_frozen),
        may_limit=key.state == Key.State.ACTIVE and key.kind in Key.COUNTED_KINDS and _is_of_owner_or_intern(key),
        use=use,
    )


def is_deletable(key: Key) -> bool:
    """Tell whether a key can be deleted, or its deletion be tried again."""
    return key.state in (Key.State.ACTIVE, Key.State.DELETING)


def _is_of_owner_or_intern(key: Key) -> bool:
    """Tell whether the key is of its owner, or of an intern of theirs: not of one who is being handed over."""
    return key.intern is None or key.intern.supervisor_id == key.owner_id


def row_with_use(key: Key, use: PersonUse) -> Row:
    """Return `key` with its state and use, out of the use of all its owner's keys."""
    of_key = use.by_key.get(key.pk)
    return row_of(key, pressing_budget(of_key, key, use.of_person, use.stopped_by), of_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Keys under one heading; those that need attention come first."""

    title: "StrPromise"
    rows: list[Row]
    hint: "str | StrPromise" = ""


def grouped(rows: Iterable[Row]) -> list[Group]:
    """Return the groups that have keys: Needs attention, In use, Courses, Made outside, Expired or deleted."""
    rows = list(rows)
    ended = [row for row in rows if row.status.code in ("deleted", "failed")]
    outside = [row for row in rows if row.key.kind == Key.Kind.EXTERNAL and row not in ended]
    of_courses = [row for row in rows if row.key.team_id and row not in ended]
    rest = [row for row in rows if row not in ended and row not in outside and row not in of_courses]
    groups = [
        Group(title=_("Needs attention"), rows=sorted((row for row in rest if row.status.needs_owner), key=_urgency)),
        Group(title=_("In use"), rows=[row for row in rest if not row.status.needs_owner]),
        Group(
            title=_("Courses"),
            rows=of_courses,
            hint=_("They do not count among your keys, nor in your budget, and expire with the course."),
        ),
        Group(
            title=_("Created outside the portal"),
            rows=outside,
            hint=_("Found at the gateway under your name. You can delete it here, but not renew it."),
        ),
        Group(title=_("Expired or deleted today"), rows=ended),
    ]
    return [group for group in groups if group.rows]


def _urgency(row: Row) -> tuple[int, datetime]:
    """Return the sort key of keys that need attention: the most severe first, then the next to expire."""
    return NEEDS_OWNER.index(row.status.code), row.key.expires_at or datetime.max.replace(tzinfo=UTC)
