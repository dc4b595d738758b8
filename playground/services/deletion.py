"""Deletes what conversations leave outside of their own rows: parameters that nothing refers to any more."""

from functools import partial

from django.db import transaction

from accounts.models import User
from playground.models import Conversation, ConversationQuerySet, ParameterSet


def delete_conversations(conversations: ConversationQuerySet) -> int:
    """Delete these conversations with all that is in them; return how many. To be called in a transaction."""
    owner_ids = list(conversations.order_by("owner").values_list("owner", flat=True).distinct())
    _, by_model = conversations.delete()
    for owner_id in owner_ids:
        delete_unused_parameters_later(owner_id)
    return by_model.get(Conversation._meta.label, 0)


def delete_unused_parameters_later(owner_id: int) -> None:
    """Delete them once the transaction has ended, which holds locks that come after the owner's."""
    transaction.on_commit(partial(delete_unused_parameters, owner_id), robust=True)


def delete_unused_parameters(owner_id: int) -> int:
    """Delete the sets of this owner that nothing refers to; return how many.

    Under the owner's lock, which whoever sends a message holds too: no set goes while a row that needs it is written.
    """
    with transaction.atomic():
        list(User.objects.select_for_update().filter(pk=owner_id).values_list("pk"))
        _, by_model = ParameterSet.objects.filter(owner=owner_id).unused().delete()
    return by_model.get(ParameterSet._meta.label, 0)
