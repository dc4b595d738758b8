"""Change a key's label: the person's own name for it, unknown to the gateway."""

from django.db import IntegrityError, transaction

from accounts.audit import Actor
from accounts.models import AuditAction, AuditOutcome
from keys.models import Key
from keys.services.refusals import KeyRefused
from keys.services.trail import audit


def relabel_key(*, key: Key, label: str, actor: Actor) -> None:
    """Give `key` another label; refuse one that another of the person's keys has."""
    before = key.label
    if label == before:
        return
    try:
        with transaction.atomic():
            key.label = label
            key.save(update_fields=["label"])
            audit(actor, AuditAction.RELABEL, AuditOutcome.DONE, key, "label_before", label=before)
    except IntegrityError as error:
        key.label = before
        raise KeyRefused("label") from error
