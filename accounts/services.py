"""What happens to people in more than one table."""

import logging
from collections.abc import Iterable

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction

from accounts.mails import send_later
from accounts.models import User
from accounts.rights import update_staff_status

logger = logging.getLogger(__name__)


@transaction.atomic
def take_over_groups(*, user: User, claimed: Iterable[str] | None) -> None:
    """Put the person into the groups of these names that exist here, and out of those that the last claim gave.

    None, what the institution does not say, changes nothing.
    A claim gives the groups of OIDC_GROUPS_ALLOWED; where that is empty, those that grant no permission. Groups that
    somebody gave here stay, claimed or not. Idempotent.
    """
    if claimed is None:
        return
    allowed = settings.OIDC_GROUPS_ALLOWED
    here = Group.objects.filter(name__in=list(claimed))
    named = set(here.filter(name__in=allowed) if allowed else here.filter(permissions=None))
    if refused := [group.name for group in here if group not in named]:
        logger.info("not given to account %d by the institution: %s", user.pk, ", ".join(refused))
    given = set(user.institution_groups.all())
    new = named - set(user.groups.all())
    user.groups.remove(*(given - named))
    user.groups.add(*new)
    user.institution_groups.set((given & named) | new)
    update_staff_status(User.objects.filter(pk=user.pk))


def change_address(*, user: User, before: str, by: str) -> None:
    """Make the address that an admin has just written the person's only one; tell the person at the one before.

    `by`: the admin's name. An address of before that stayed confirmed would still get links to the account.
    """
    EmailAddress.objects.filter(user=user).exclude(email=user.email).delete()
    if before:
        send_later("email_changed", user, to=before, new=user.email, by=by)
