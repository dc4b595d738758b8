"""Drafts of the terms of use, and their publication: from then on they must be accepted before the next key."""

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.audit import Actor, record
from accounts.models import AuditAction, AuditObject, AuditOutcome, Terms


class NothingToPublish(Exception):
    """There is no draft: somebody else has published or deleted it."""


@transaction.atomic
def save_draft(*, text_en: str, text_fr: str, actor: Actor) -> Terms:
    """Save the draft of the next version; there is at most one."""
    draft = Terms.objects.select_for_update().filter(published_at=None).first()
    if draft:
        draft.text_en, draft.text_fr = text_en, text_fr
        draft.save(update_fields=["text_en", "text_fr"])
    else:
        newest = Terms.objects.aggregate(version=Max("version"))["version"] or 0
        draft = Terms.objects.create(version=newest + 1, text_en=text_en, text_fr=text_fr)
    _audit(draft, AuditAction.CHANGE, actor)
    return draft


@transaction.atomic
def publish(*, draft_id: int, actor: Actor) -> Terms:
    """Publish the draft. Raises NothingToPublish if there is none any more."""
    if not Terms.objects.filter(pk=draft_id, published_at=None).update(published_at=timezone.now()):
        raise NothingToPublish
    terms = Terms.objects.get(pk=draft_id)
    _audit(terms, AuditAction.PUBLISH, actor)
    return terms


def _audit(terms: Terms, action: AuditAction, actor: Actor) -> None:
    record(
        actor=actor,
        action=action,
        outcome=AuditOutcome.DONE,
        kind=AuditObject.TERMS,
        object_id=terms.pk,
        label=str(terms.version),
    )
