"""A person's favourite models."""

from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import User
from keys.models import GatewayModel
from playground.models import FavouriteModel
from playground.services.limits import lock_owner

MAX_FAVOURITES: Final = 50


def with_favourites(user: User) -> QuerySet[GatewayModel]:
    """Return the gateway's models in its order, each with `is_favourite`; one query."""
    own = FavouriteModel.objects.filter(person=user, name=OuterRef("name"))
    return GatewayModel.objects.annotate(is_favourite=Exists(own))


def toggle_favourite(user: User, name: str) -> bool:
    """Add a model to the favourites of `user`, or remove it; return whether it is one now.

    One beyond MAX_FAVOURITES is not added; models that the gateway does not have any more are not counted.
    """
    with transaction.atomic():
        lock_owner(user)
        own = FavouriteModel.objects.filter(person=user)
        removed, _by_model = own.filter(name=name).delete()
        if removed or own.filter(name__in=GatewayModel.objects.values("name")).count() >= MAX_FAVOURITES:
            return False
        FavouriteModel.objects.create(person=user, name=name)
    return True
