"""Delete the keys of an anonymised person, with the names that people gave them and those of their interns."""

from django.db import transaction
from django.db.models import Q

from accounts.audit import forget_names_on
from accounts.models import AuditObject, User
from keys.models import Intern, Key, LeakNotice, LeakReport, LimitOverride
from keys.models.interns import FORGOTTEN
from keys.services.delete import begin_deletion
from keys.services.refusals import KeyRefused


def forget_keys(owner: User) -> int:
    """Begin the deletion of all keys of a person, as `delete_key` does, and blank their names; return how many.

    The person's interns lose their names too, and so does the person as somebody else's intern: those keys stay.
    Call it in a transaction; then run the sweep, which deletes them at the gateway and retries. A key that
    is still being created is deleted once it exists.
    """
    for intern in Intern.objects.filter(Q(supervisor=owner) | Q(account=owner)):
        forget_intern(intern)
    LimitOverride.objects.filter(key__owner=owner).update(reason="")
    LeakReport.objects.filter(token__key__owner=owner).update(where="")
    LeakNotice.objects.filter(person=owner).delete()
    return sum(forget_key(key) for key in Key.objects.owned_by(owner))


def forget_key(key: Key) -> bool:
    """Blank personal names on a key, and begin its deletion; return whether anything changed. Idempotent."""
    with transaction.atomic():
        Key.objects.filter(pk=key.pk).update(label=key.pk.hex[:8])
        if key.state != Key.State.ACTIVE:
            return False
        try:
            begin_deletion(key, Key.Problem.ANONYMISED)
        except KeyRefused:  # it ended meanwhile
            return False
    return True


def forget_intern(intern: Intern) -> bool:
    """Blank name, address and account of an intern, who becomes a number, also in the trail. Idempotent.

    The labels of keys stay: their owner wrote them.
    """
    with transaction.atomic():
        Intern.objects.filter(pk=intern.pk).update(name=f"{FORGOTTEN}{intern.pk.hex[:8]}", email="", account=None)
        forget_names_on(AuditObject.INTERN, [intern.pk], but=())
        forget_names_on(AuditObject.KEY, intern.keys.values_list("pk", flat=True), but=("label",))
    return True
