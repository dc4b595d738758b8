"""What happens to people in more than one table."""

from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.db import transaction

from accounts.models import User


@transaction.atomic
def take_over_groups(*, user: User, claimed: Iterable[str]) -> None:
    """Put the person into the groups of these names that exist here, and out of those that the last claim gave.

    Groups that somebody gave here stay, claimed or not. Idempotent.
    """
    named = set(Group.objects.filter(name__in=list(claimed)))
    given = set(user.institution_groups.all())
    new = named - set(user.groups.all())
    user.groups.remove(*(given - named))
    user.groups.add(*new)
    user.institution_groups.set((given & named) | new)
