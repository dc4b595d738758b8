"""Drafts of the terms of use, and their publication: from then on they must be accepted before the next key."""

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from accounts.audit import Actor, record
from accounts.models import AuditAction, AuditObject, AuditOutcome, Terms


class DraftChanged(Exception):
    """Somebody else has saved another text than the one that was confirmed."""


class NothingToPublish(Exception):
    """There is no draft: somebody else has published or deleted it."""


@transaction.atomic
def save_draft(*, text_en: str, text_fr: str, actor: Actor) -> Terms:
    """Save the draft of the next version; there is at most one."""
    try:
        with transaction.atomic():
            draft = _saved(text_en, text_fr)
    except IntegrityError:  # another request has just saved the first draft
        draft = _saved(text_en, text_fr)
    _audit(draft, AuditAction.CHANGE, actor)
    return draft


def _saved(text_en: str, text_fr: str) -> Terms:
    draft = Terms.objects.select_for_update().filter(published_at=None).first()
    if draft is None:
        newest = Terms.objects.aggregate(version=Max("version"))["version"] or 0
        return Terms.objects.create(version=newest + 1, text_en=text_en, text_fr=text_fr)
    draft.text_en, draft.text_fr = text_en, text_fr
    draft.save(update_fields=["text_en", "text_fr"])
    return draft


@transaction.atomic
def publish(*, draft_id: int, digest: str, actor: Actor) -> Terms:
    """Publish the draft if its texts have this digest. Raises DraftChanged, NothingToPublish if there is none."""
    terms = Terms.objects.filter(pk=draft_id, published_at=None).first()
    if terms is None:
        raise NothingToPublish
    unchanged = Terms.objects.filter(pk=draft_id, published_at=None, text_en=terms.text_en, text_fr=terms.text_fr)
    if terms.digest != digest or not unchanged.update(published_at=timezone.now()):
        raise DraftChanged
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
        code="terms.texts",
        details={"digest": terms.digest},
    )
