"""The audit trail can be added to, and names in it be blanked; nothing else, whatever migrations come."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.backends.sqlite3.base import DatabaseWrapper

from accounts.audit import Actor, forget_names, record
from accounts.models import AuditEntry, User
from tests.accounts.fresh_database import fresh_database, migrate_to

LATEST = ("accounts", "0001_initial")
CHANGES: list[dict[str, Any]] = [
    {"label": "forged"},
    {"actor_name": "Somebody Else"},
    {"details": {"label": "forged"}},
    {"address": "192.0.2.99"},
    {"on_behalf_of": "Nobody"},
    {"outcome": "refused"},
    {"object_id": "17"},
    {"code": "stay_days"},
    {"actor": None},
    {"label": "", "action": "delete"},
]


def entry_of(person: User) -> AuditEntry:
    return record(
        actor=Actor(user=person, address="192.0.2.1"),
        action="relabel",
        outcome="done",
        kind="key",
        object_id=uuid4(),
        label="thesis of Ada",
        subject=person,
        on_behalf_of="Ada",
        code="label_before",
        details={"label": "Ada"},
    )


def test_nothing_of_an_entry_can_be_changed(intern: User) -> None:
    entry = entry_of(intern)

    for change in CHANGES:
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            AuditEntry.objects.filter(pk=entry.pk).update(**change)


def test_names_can_be_blanked_and_stay_so(intern: User) -> None:
    entry = entry_of(intern)

    forget_names(intern)
    forget_names(intern)

    entry.refresh_from_db()
    assert (entry.actor, entry.subject, entry.code) == (intern, intern, "label_before")
    assert (entry.actor_name, entry.label, entry.on_behalf_of, entry.address, entry.details) == ("", "", "", None, {})
    assert entry.sentence == f"Label changed by {intern.display_name}"
    assert entry.remark == "before: …"
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AuditEntry.objects.update(label="thesis of Ada")


# --- Migrations on SQLite ---------------------------------------------------------------------------
@pytest.fixture
def fresh(db: None, tmp_path: Path) -> Iterator[DatabaseWrapper]:
    with fresh_database(tmp_path) as database:
        yield database


def _refuses_a_change() -> bool:
    with connection.cursor() as cursor:
        try:
            cursor.execute("UPDATE accounts_auditentry SET outcome = 'forged'")
        except IntegrityError:
            return True
    return False


@pytest.mark.only_on("sqlite")
def test_a_later_migration_cannot_lose_the_trigger(fresh: DatabaseWrapper) -> None:
    """SQLite remakes a table to alter a column, and triggers go with the old one."""
    state = migrate_to(fresh, LATEST)
    person = state.get_model("accounts", "User").objects.create(username="ada", email="")
    entry = state.get_model("accounts", "AuditEntry")
    entry.objects.create(subject=person, action="issue", outcome="done", object_kind="key", object_id="1")
    assert _refuses_a_change()

    wider, added = models.CharField(max_length=300), models.CharField(max_length=10, default="", db_default="")
    wider.set_attributes_from_name("label")
    added.set_attributes_from_name("reason")
    with fresh.schema_editor() as editor:
        editor.alter_field(entry, entry._meta.get_field("label"), wider)
        editor.add_field(entry, added)
    assert "accounts_auditentry_append_only" not in _triggers()
    migrate_to(fresh, LATEST)

    assert _refuses_a_change()
    with fresh.cursor() as cursor, pytest.raises(IntegrityError, match="append-only"):
        cursor.execute("UPDATE accounts_auditentry SET reason = 'forged'")


def _triggers() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return {name for (name,) in cursor.fetchall()}
