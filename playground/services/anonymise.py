"""Anonymise a person: conversations, batches and names are deleted; spend and audit trail stay, under a number.

Everything here is one transaction. Later the sweep deletes the keys at the gateway, as with any deletion, and
playground.prune deletes conversations that a request in progress began meanwhile.
"""

from dataclasses import dataclass

from django.db import transaction

from accounts.anonymise import anonymise_account
from accounts.audit import Actor, record_person_change
from accounts.models import AuditAction, User
from courses.services import forget_in_courses
from keys.models import Intern, Key
from keys.services.forget import forget_keys
from playground.batch_models import Batch
from playground.models import Conversation, FavouriteModel
from playground.services.deletion import delete_batches, delete_conversations, delete_unused_parameters
from web.tasks import QueueUnavailable, send_task

SWEEP_EXPIRES_S = 240  # by then the schedule has run it


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """What is deleted with a person."""

    conversations: int
    batches: int
    keys: int  # live ones
    interns: int


def belongings_of(person: User) -> Belongings:
    """Return how much is deleted if the person is anonymised now."""
    keys = Key.objects.owned_by(person)
    return Belongings(
        conversations=Conversation.objects.owned_by(person).count(),
        batches=Batch.objects.owned_by(person).count(),
        keys=keys.filter(state__in=Key.LIVE_STATES).count(),
        interns=Intern.objects.supervised_by(person).count(),
    )


def anonymise(*, person: User, actor: Actor) -> bool:
    """Anonymise the person; False if they already are. Irreversible."""
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=person.pk)
        if locked.anonymised_at:
            return False
        delete_conversations(Conversation.objects.owned_by(locked))
        delete_batches(Batch.objects.owned_by(locked))
        delete_unused_parameters(locked.pk)
        FavouriteModel.objects.filter(person=locked).delete()
        forget_in_courses(locked)
        forget_keys(locked)
        anonymise_account(locked)
        record_person_change(actor=actor, action=AuditAction.ANONYMISE, person=locked)
        transaction.on_commit(_sweep_now, robust=True)
    return True


def _sweep_now() -> None:
    """Start the task that deletes the keys at the gateway; if the queue is unavailable, the schedule runs it."""
    try:
        send_task("keys.sweep", expires=SWEEP_EXPIRES_S)
    except QueueUnavailable:
        return
