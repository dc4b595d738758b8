"""Let the keys of somebody go who was anonymised, with the names that people gave them."""

from django.db import transaction

from accounts.models import User
from keys.models import Key
from keys.services.delete import begin_deletion
from keys.services.refusals import KeyRefused


def forget_keys(owner: User) -> int:
    """Put all keys of a person to be deleted, as `delete_key` begins it, and blank their names; return how many go.

    Call it in a transaction; then have the sweep go, which deletes them at the gateway and goes on trying. A key that
    is still being made goes when it is there.
    """
    return sum(forget_key(key) for key in Key.objects.owned_by(owner))


def forget_key(key: Key) -> bool:
    """Blank what names people on a key, and begin its deletion; tell whether that was to be done. Again is harmless."""
    with transaction.atomic():
        Key.objects.filter(pk=key.pk).update(label=key.pk.hex[:8], intern_name="", intern_email="")
        if key.state != Key.State.ACTIVE:
            return False
        try:
            begin_deletion(key, Key.Problem.ANONYMISED)
        except KeyRefused:  # it ended meanwhile
            return False
    return True
