"""What administrators write about models, with an entry in the audit trail."""

from django.db import transaction

from accounts.audit import Actor, changes_between, record
from accounts.models import AuditAction, AuditObject, AuditOutcome
from catalogue.models import NOTE_TEXTS, ModelNote


@transaction.atomic
def save_note(note: ModelNote, *, actor: Actor) -> None:
    """Save what `note` says of its model."""
    stored, _made = ModelNote.objects.get_or_create(name=note.name)
    stored = ModelNote.objects.select_for_update().get(pk=stored.pk)
    before, after = ({name: getattr(each, name) for name in NOTE_TEXTS} for each in (stored, note))
    changes = changes_between(before, after)
    if not changes:
        return
    ModelNote.objects.filter(pk=stored.pk).update(**after)
    record(
        actor=actor,
        action=AuditAction.CHANGE,
        outcome=AuditOutcome.DONE,
        kind=AuditObject.MODEL,
        object_id=stored.pk,
        label=note.name,
        code="model.changes",
        details={"changes": changes},
    )
