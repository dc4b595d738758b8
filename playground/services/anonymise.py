"""Anonymise a person: conversations, images and names go for good; spend and trail stay, under a number.

All that is here goes in one transaction, or nothing does. What is at the gateway is then deleted by the sweep, as with
any deletion, and conversations that a request under way began meanwhile by playground.prune.
"""

from dataclasses import dataclass

from django.db import transaction

from accounts.anonymise import anonymise_account
from accounts.audit import Actor, record_person_change
from accounts.models import AuditAction, User
from keys.models import Intern, Key
from keys.services.forget import forget_keys
from playground.models import Conversation
from playground.services.deletion import delete_conversations, delete_unused_parameters
from web.tasks import QueueUnavailable, send_task

SWEEP_EXPIRES_S = 240  # then the schedule has asked by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """What goes with a person."""

    conversations: int
    keys: int  # that may work
    interns: int


def belongings_of(person: User) -> Belongings:
    """Return how much goes if the person is anonymised now."""
    keys = Key.objects.owned_by(person)
    return Belongings(
        conversations=Conversation.objects.owned_by(person).count(),
        keys=keys.filter(state__in=Key.LIVE_STATES).count(),
        interns=Intern.objects.supervised_by(person).count(),
    )


def anonymise(*, person: User, actor: Actor) -> bool:
    """Anonymise the person; False where they are already. There is no way back."""
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=person.pk)
        if locked.anonymised_at:
            return False
        delete_conversations(Conversation.objects.owned_by(locked))
        delete_unused_parameters(locked.pk)
        forget_keys(locked)
        anonymise_account(locked)
        record_person_change(actor=actor, action=AuditAction.ANONYMISE, person=locked)
        transaction.on_commit(_sweep_now, robust=True)
    return True


def _sweep_now() -> None:
    """Ask the worker to delete the keys at the gateway at once; where the queue takes nothing, the schedule asks."""
    try:
        send_task("keys.sweep", expires=SWEEP_EXPIRES_S)
    except QueueUnavailable:
        return
