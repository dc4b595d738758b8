"""The trail: who did what to which key; written once."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models import ProtectedError
from django.test import RequestFactory
from django.utils import timezone, translation
from pytest_django import Settings

from accounts.audit import BY_THE_PORTAL, Actor, actor_of, entries_of_key, entries_of_keys_of, record
from accounts.models import AuditAction, AuditEntry, AuditOutcome
from tests.factories import make_staff, make_user

KEY = uuid4()


def test_keeps_the_name_that_somebody_had_then(db: None) -> None:
    staff = make_staff()
    entry = record(
        actor=Actor(user=staff),
        action="issue",
        outcome="done",
        subject=staff,
        kind="key",
        object_id=KEY,
        label="thesis",
    )
    staff.first_name = "Staff D"
    staff.save()

    entry.refresh_from_db()
    assert (entry.actor, entry.actor_name, entry.label) == (staff, "Staff B", "thesis")
    assert timezone.now() - entry.at < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("action", "outcome", "whom", "address", "sentence"),
    [
        ("issue", "done", "Intern A", "10.0.0.1", "Created by Staff B for Intern A from 10.0.0.1"),
        ("renew", "done", "", "2001:db8::1", "Renewed by Staff B from 2001:db8::1"),
        ("rotate", "done", "Intern A", None, "Secret replaced by Staff B for Intern A"),
        ("delete", "done", "", None, "Deleted by Staff B"),
        ("issue", "refused", "", "10.0.0.1", "Creation by Staff B from 10.0.0.1: refused"),
        ("delete", "unknown", "Intern A", None, "Deletion by Staff B for Intern A: not confirmed"),
    ],
)
def test_says_in_a_sentence_what_happened(
    db: None, action: str, outcome: str, whom: str, address: str | None, sentence: str
) -> None:
    staff = make_staff()
    entry = record(
        actor=Actor(user=staff, address=address),
        action=action,
        outcome=outcome,
        subject=staff,
        kind="key",
        object_id=KEY,
        label="thesis",
        on_behalf_of=whom,
    )

    assert entry.sentence == str(entry) == sentence


def test_names_the_portal_where_nobody_acted(db: None) -> None:
    entry = record(
        actor=BY_THE_PORTAL,
        action="sweep",
        outcome="repaired",
        subject=make_user(),
        kind="key",
        object_id=KEY,
        label="thesis",
    )

    assert entry.actor is None
    assert entry.sentence == "Repair by the portal: repaired"


def test_has_a_word_for_every_action_and_outcome() -> None:
    for action in AuditAction:
        for outcome in AuditOutcome:
            with translation.override("en"):
                assert AuditEntry(action=action, outcome=outcome, actor_name="Staff B").sentence


def test_refuses_words_that_it_does_not_know(db: None) -> None:
    owner = make_user()

    with pytest.raises(ValueError, match="steal"):
        record(actor=BY_THE_PORTAL, action="steal", outcome="done", subject=owner, kind="key", object_id=KEY, label="")
    with pytest.raises(ValueError, match="fine"):
        record(actor=BY_THE_PORTAL, action="issue", outcome="fine", subject=owner, kind="key", object_id=KEY, label="")


def test_cuts_a_label_that_is_too_long(db: None) -> None:
    entry = record(
        actor=BY_THE_PORTAL,
        action="issue",
        outcome="refused",
        subject=make_user(),
        kind="key",
        object_id=KEY,
        label="x" * 5000,
    )

    assert entry.label == "x" * 100


def test_takes_actor_and_address_from_the_request(db: None, rf: RequestFactory, settings: Settings) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    request = rf.get("/", headers={"X-Forwarded-For": "6.6.6.6, 10.0.0.1"})
    request.user = make_user()

    assert actor_of(request) == Actor(user=request.user, address="10.0.0.1")  # type: ignore[arg-type]  # signed in


def test_lists_what_was_done_to_a_key_and_for_an_owner_newest_first(db: None) -> None:
    owner, other = make_user(), make_user()
    mine = uuid4()
    first, second = (
        record(
            actor=Actor(user=other), action=action, outcome="done", subject=owner, kind="key", object_id=mine, label=""
        )
        for action in ("issue", "renew")
    )
    record(
        actor=Actor(user=owner), action="issue", outcome="done", subject=other, kind="key", object_id=uuid4(), label=""
    )

    assert list(entries_of_key(mine)) == [second, first]
    assert list(entries_of_keys_of(owner)) == [second, first]


def _entry() -> AuditEntry:
    owner = make_user()
    return record(
        actor=Actor(user=owner),
        action="issue",
        outcome="done",
        subject=owner,
        kind="key",
        object_id=KEY,
        label="thesis",
    )


def test_is_never_changed(db: None) -> None:
    entry = _entry()
    entry.label = "forged"

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        entry.save()
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AuditEntry.objects.update(label="forged")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_auditentry SET label = 'forged'")
    entry.refresh_from_db()
    assert entry.label == "thesis"


def test_is_never_deleted_from_postgresql(db: None) -> None:
    entry = _entry()
    if connection.vendor == "sqlite":  # where Django itself empties tables by DELETE, between tests
        entry.delete()
        assert not AuditEntry.objects.exists()
        return

    with pytest.raises((IntegrityError, ProgrammingError), match="append-only"), transaction.atomic():
        entry.delete()
    assert AuditEntry.objects.exists()


def test_holds_on_to_the_people_whom_it_names(db: None) -> None:
    person = _entry().subject
    assert person

    with pytest.raises(ProtectedError):
        person.delete()
