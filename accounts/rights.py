"""Who has which rights. Whether an account is active makes no difference here: it may be made active again."""

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Q, QuerySet


def permissions_of(user: Any) -> QuerySet[Permission]:
    """Return the permissions of a person (an id, or the OuterRef to one): their own, and those of their groups."""
    return Permission.objects.filter(Q(user=user) | Q(group__user=user)).distinct()
