"""The order of models in the picker: favourites, those used last, the rest."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.utils.translation import gettext_lazy as _

from playground.listing import Found
from playground.models import Conversation

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

RECENT: Final = 3  # models
FEW: Final = 8  # models that need no parts


class Part(NamedTuple):
    """Models under a title; each model is in one part only."""

    title: "StrPromise | str"
    models: list[Any]


def parts_of(models: Sequence[Any], recent_names: Iterable[str]) -> list[Part]:
    """Return the parts that have models; one without a title, if there is nothing to put first.

    Models keep their order, but recent ones are in that of their use.
    """
    favourites = [model for model in models if getattr(model, "is_favourite", False)]
    others = {model.name: model for model in models if model not in favourites}
    wanted = list(recent_names)[:RECENT] if len(models) > FEW else []
    recent = [others.pop(name) for name in wanted if name in others]
    if not favourites and not recent:
        return [Part("", list(models))]
    parts = [
        Part(_("Favourites"), favourites),
        Part(_("Used last"), recent),
        Part(_("All others"), list(others.values())),
    ]
    return [part for part in parts if part.models]


def recent_names(found: Found | None) -> list[str]:
    """Return the models of the listed chats, the last used first, each once."""
    rows = [row.conversation for group in found.groups for row in group.rows] if found else []
    names = (name for row in rows if row.kind == Conversation.Kind.CHAT for name in row.model_names)
    return list(dict.fromkeys(names))
